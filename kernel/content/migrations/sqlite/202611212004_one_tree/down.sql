-- The rows are the same; a program of before reads them as they are.
SELECT 1;
