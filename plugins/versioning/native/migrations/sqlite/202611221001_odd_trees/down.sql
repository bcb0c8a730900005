DROP TABLE native_odd_trees;
