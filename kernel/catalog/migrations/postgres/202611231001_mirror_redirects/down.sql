DROP TABLE mirror_redirects;
