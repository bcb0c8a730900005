DROP TABLE card_tags;
DROP TABLE cards;
