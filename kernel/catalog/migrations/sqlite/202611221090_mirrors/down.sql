DROP TABLE mirror_files;
DROP TABLE mirror_revisions;
DROP TABLE mirror_commits;
DROP TABLE mirrors;
