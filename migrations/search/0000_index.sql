-- The search index: derived from the catalogue, so it can be dropped and built anew at any time. Each generation is a
-- whole index; a new one is built beside the live one and `search_state.live` then names it.
CREATE TABLE search_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  live INTEGER NOT NULL,
  building INTEGER,
  retired INTEGER,
  cursor TEXT NOT NULL DEFAULT '',
  indexed INTEGER NOT NULL DEFAULT 0,
  started_at TEXT,
  moved_at TEXT,
  finished_at TEXT,
  guard INTEGER NOT NULL DEFAULT 1
);
INSERT INTO search_state (id, live) VALUES (1, 1);

-- `version` grows with every merge: of two merges at once the second finds another version, and its batch fails.
CREATE TABLE generations (
  generation INTEGER PRIMARY KEY,
  version INTEGER NOT NULL
);
INSERT INTO generations (generation, version) VALUES (1, 0);

-- One row a product. `fresh` is its document as it should be found ('null': not at all); `packed` is what postings and
-- columns hold of it (NULL: the same). A row waits to be merged while `packed_revision` is not `revision`.
CREATE TABLE docs (
  doc INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  product_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  packed_revision INTEGER NOT NULL,
  fresh TEXT NOT NULL,
  packed TEXT
);
CREATE UNIQUE INDEX docs_product ON docs (generation, product_id);
CREATE INDEX docs_waiting ON docs (generation, doc) WHERE packed_revision <> revision;

-- Which documents hold a term, 32 768 document numbers a row. Realm 0 is public, 1 is for staff.
CREATE TABLE postings (
  generation INTEGER NOT NULL,
  realm INTEGER NOT NULL,
  term TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  count INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE UNIQUE INDEX postings_term ON postings (generation, realm, term, chunk);

-- What is filtered, counted and ordered by, 8 192 document numbers a row. `stamp` is new with every write.
CREATE TABLE columns (
  generation INTEGER NOT NULL,
  kind TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  stamp TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (generation, kind, chunk)
) WITHOUT ROWID;

-- The public vocabulary. `bucket` is the binary logarithm of how many documents hold the stem.
CREATE TABLE words (
  generation INTEGER NOT NULL,
  word TEXT NOT NULL,
  stem TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  PRIMARY KEY (generation, word)
) WITHOUT ROWID;
CREATE INDEX words_stem ON words (generation, stem, bucket);
CREATE INDEX words_one ON words (generation, substr(word, 1, 1), bucket DESC);
CREATE INDEX words_two ON words (generation, substr(word, 1, 2), bucket DESC);
CREATE INDEX words_three ON words (generation, substr(word, 1, 3), bucket DESC);

-- Words by what is left of them without one or two letters: a misspelt word meets the right one here.
CREATE TABLE near (
  generation INTEGER NOT NULL,
  variant TEXT NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (generation, variant, word)
) WITHOUT ROWID;
CREATE INDEX near_word ON near (generation, word);
