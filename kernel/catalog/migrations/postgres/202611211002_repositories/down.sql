DROP TABLE redirects;
DROP TABLE repositories;
