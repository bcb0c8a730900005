DROP TABLE xet_chunks;
DROP TABLE xet_uses;
DROP TABLE xet_files;
DROP TABLE xorbs;
