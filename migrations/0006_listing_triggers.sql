-- Keeps `listings`, `facets` and `catalog_version` exact, whoever writes to `products`: in the same transaction, row by row.
-- No OR IGNORE here: SQLite has a trigger follow the conflict clause of the statement that fires it, an upsert's too.
-- `listed` takes a facet by its name; `relisting` lists a product anew: insert product ids into it.
INSERT INTO facets (id, name) VALUES (1, '');
--> statement-breakpoint
INSERT INTO catalog_version (id, version) VALUES (1, 1);
--> statement-breakpoint
CREATE TRIGGER listings_inserted AFTER INSERT ON listings BEGIN
  UPDATE facets SET draft = draft + (NEW.status = 'draft'), active = active + (NEW.status = 'active'), archived = archived + (NEW.status = 'archived')
    WHERE id = NEW.facet_id;
END;
--> statement-breakpoint
CREATE TRIGGER listings_deleted AFTER DELETE ON listings BEGIN
  UPDATE facets SET draft = draft - (OLD.status = 'draft'), active = active - (OLD.status = 'active'), archived = archived - (OLD.status = 'archived')
    WHERE id = OLD.facet_id;
END;
--> statement-breakpoint
CREATE VIEW listed AS
  SELECT listings.product_id, facets.name AS facet FROM listings JOIN facets ON facets.id = listings.facet_id;
--> statement-breakpoint
CREATE TRIGGER listed_inserted INSTEAD OF INSERT ON listed BEGIN
  INSERT INTO facets (name) SELECT NEW.facet WHERE NOT EXISTS (SELECT 1 FROM facets WHERE facets.name = NEW.facet);
  INSERT INTO listings (product_id, facet_id, status, name, price_amount, average_rating, created_at, category_name)
    SELECT products.id, (SELECT id FROM facets WHERE facets.name = NEW.facet), products.status, products.name, products.price_amount,
      products.average_rating, products.created_at, coalesce(categories.name, '')
    FROM products LEFT JOIN categories ON categories.id = products.category_id
    WHERE products.id = NEW.product_id AND NOT EXISTS (
      SELECT 1 FROM listings AS known WHERE known.product_id = NEW.product_id
        AND known.facet_id = (SELECT id FROM facets WHERE facets.name = NEW.facet));
END;
--> statement-breakpoint
CREATE VIEW relisting AS SELECT id AS product_id FROM products;
--> statement-breakpoint
CREATE TRIGGER relisting_inserted INSTEAD OF INSERT ON relisting BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  DELETE FROM listings WHERE product_id = NEW.product_id;
  INSERT INTO listed (product_id, facet) VALUES (NEW.product_id, '');
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 'd:' || products.category_id FROM products WHERE products.id = NEW.product_id AND products.category_id IS NOT NULL;
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 'c:' || above.value
    FROM products JOIN categories ON categories.id = products.category_id
      JOIN json_each('["' || replace(trim(categories.path, '/'), '/', '","') || '"]') AS above
    WHERE products.id = NEW.product_id;
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 'b:' || products.brand_id FROM products WHERE products.id = NEW.product_id AND products.brand_id IS NOT NULL;
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 't:' || tag.value FROM products JOIN json_each(products.tags) AS tag WHERE products.id = NEW.product_id;
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 'a:' || lower(one.key) || '=' || lower(CASE one.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE one.value END)
    FROM products JOIN json_each(products.attributes) AS one WHERE products.id = NEW.product_id AND one.type <> 'null';
  INSERT INTO listed (product_id, facet)
    SELECT products.id, 'f:' FROM products WHERE products.id = NEW.product_id AND products.is_featured = 1;
  INSERT INTO listed (product_id, facet)
    SELECT products.id, CASE WHEN products.stock_quantity > 0 THEN 's:in' ELSE 's:out' END FROM products WHERE products.id = NEW.product_id;
END;
--> statement-breakpoint
CREATE TRIGGER products_inserted AFTER INSERT ON products BEGIN
  INSERT INTO relisting (product_id) VALUES (NEW.id);
END;
--> statement-breakpoint
CREATE TRIGGER products_deleted AFTER DELETE ON products BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  DELETE FROM listings WHERE product_id = OLD.id;
END;
--> statement-breakpoint
CREATE TRIGGER products_facets_changed AFTER UPDATE OF status, category_id, brand_id, tags, attributes, is_featured ON products
WHEN NEW.status <> OLD.status OR NEW.category_id IS NOT OLD.category_id OR NEW.brand_id IS NOT OLD.brand_id OR NEW.tags <> OLD.tags
  OR NEW.attributes <> OLD.attributes OR NEW.is_featured <> OLD.is_featured
BEGIN
  INSERT INTO relisting (product_id) VALUES (NEW.id);
END;
--> statement-breakpoint
CREATE TRIGGER products_stock_turned AFTER UPDATE OF stock_quantity ON products
WHEN (NEW.stock_quantity > 0) <> (OLD.stock_quantity > 0)
BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  DELETE FROM listings WHERE product_id = NEW.id AND facet_id IN (SELECT id FROM facets WHERE name IN ('s:in', 's:out'));
  INSERT INTO listed (product_id, facet) VALUES (NEW.id, CASE WHEN NEW.stock_quantity > 0 THEN 's:in' ELSE 's:out' END);
END;
--> statement-breakpoint
CREATE TRIGGER products_changed AFTER UPDATE OF updated_at ON products WHEN NEW.updated_at <> OLD.updated_at BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
END;
--> statement-breakpoint
CREATE TRIGGER products_renamed AFTER UPDATE OF name ON products WHEN NEW.name <> OLD.name BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  UPDATE listings SET name = NEW.name WHERE product_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER products_repriced AFTER UPDATE OF price_amount ON products WHEN NEW.price_amount <> OLD.price_amount BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  UPDATE listings SET price_amount = NEW.price_amount WHERE product_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER products_rated AFTER UPDATE OF average_rating ON products WHEN NEW.average_rating <> OLD.average_rating BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  UPDATE listings SET average_rating = NEW.average_rating WHERE product_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER products_redated AFTER UPDATE OF created_at ON products WHEN NEW.created_at <> OLD.created_at BEGIN
  UPDATE catalog_version SET version = version + 1 WHERE id = 1;
  UPDATE listings SET created_at = NEW.created_at WHERE product_id = NEW.id;
END;
--> statement-breakpoint
INSERT INTO relisting (product_id) SELECT id FROM products;
