DROP TABLE local_ssh_keys;
