-- Since when a blob lies in xorbs as well, so that the piece at this place is only there for who still reads it.
ALTER TABLE locations ADD COLUMN spare BIGINT;
CREATE INDEX locations_spare ON locations (spare) WHERE spare IS NOT NULL;

-- When a xorb came, or a file last went that used it; none once somebody has looked how much of it is used since then.
ALTER TABLE xorbs ADD COLUMN thinned BIGINT;
UPDATE xorbs SET thinned = named;
CREATE INDEX xorbs_thinned ON xorbs (xorb) WHERE thinned IS NOT NULL;
