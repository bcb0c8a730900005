-- The object that the parts of an upload are written into, each at its place; none where they are objects of their own,
-- and before the first has come. It may be thrown away before this row, so it is no reference.
ALTER TABLE uploads ADD COLUMN assembly BIGINT;
