-- Keeps `categories.trail` exact, whoever writes names, slugs or paths: in the same transaction. A move changes the path of
-- every category below, one by one; a new name or slug is written into the trails of all below.
CREATE VIEW category_trails AS
  SELECT own.id AS category_id, (
    SELECT json_group_array(json(link)) FROM (
      SELECT json_object('id', above.id, 'name', above.name, 'slug', above.slug) AS link
      FROM json_each('["' || replace(trim(own.path, '/'), '/', '","') || '"]') AS step JOIN categories AS above ON above.id = step.value
      ORDER BY step.key
    )
  ) AS trail FROM categories AS own;
--> statement-breakpoint
CREATE TRIGGER categories_trail_inserted AFTER INSERT ON categories BEGIN
  UPDATE categories SET trail = (SELECT category_trails.trail FROM category_trails WHERE category_id = NEW.id) WHERE id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER categories_trail_moved AFTER UPDATE OF path ON categories WHEN NEW.path <> OLD.path BEGIN
  UPDATE categories SET trail = (SELECT category_trails.trail FROM category_trails WHERE category_id = NEW.id) WHERE id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER categories_trail_renamed AFTER UPDATE OF name, slug ON categories WHEN NEW.name <> OLD.name OR NEW.slug <> OLD.slug BEGIN
  UPDATE categories SET trail = (SELECT category_trails.trail FROM category_trails WHERE category_id = categories.id)
    WHERE path >= NEW.path AND path < substr(NEW.path, 1, length(NEW.path) - 1) || '0';
END;
--> statement-breakpoint
UPDATE categories SET trail = (SELECT category_trails.trail FROM category_trails WHERE category_id = categories.id);
