DROP TABLE mirror_readers;
