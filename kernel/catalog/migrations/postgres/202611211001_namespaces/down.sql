DROP TABLE identities;
DROP TABLE members;
DROP TABLE organizations;
DROP TABLE users;
DROP TABLE namespaces;
