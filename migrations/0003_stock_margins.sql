-- Variants that were there before stock could be watched in more than one way: tracked, and 20 are few.
UPDATE variants SET low_margin = stock_quantity - 20;
--> statement-breakpoint
UPDATE variants SET is_stocked = 0 WHERE EXISTS (SELECT 1 FROM products WHERE products.id = variants.id AND products.options <> '[]');
