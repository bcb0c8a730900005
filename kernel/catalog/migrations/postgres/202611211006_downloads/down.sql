DROP INDEX repositories_by_trend;
ALTER TABLE repositories DROP COLUMN trending;
DROP TABLE daily_downloads;
DROP TABLE download_sessions;
