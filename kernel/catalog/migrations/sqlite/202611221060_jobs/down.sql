DROP TABLE job_settings;
DROP TABLE job_files;
DROP TABLE jobs;
