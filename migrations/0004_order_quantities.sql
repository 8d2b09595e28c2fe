-- Orders that were sent before parcels were counted.
UPDATE `order_lines` SET `fulfilled_quantity` = `quantity`
WHERE `order_id` IN (SELECT `id` FROM `orders` WHERE `status` IN ('shipped', 'delivered', 'refunded'));
--> statement-breakpoint
CREATE TRIGGER `order_lines_fulfilled` BEFORE UPDATE OF `quantity`, `fulfilled_quantity`, `returned_quantity` ON `order_lines`
WHEN NEW.`fulfilled_quantity` < 0 OR NEW.`fulfilled_quantity` > NEW.`quantity`
  OR NEW.`returned_quantity` < 0 OR NEW.`returned_quantity` > NEW.`fulfilled_quantity`
BEGIN
  SELECT RAISE(ABORT, 'CHECK constraint failed: order_lines_fulfilled');
END;
