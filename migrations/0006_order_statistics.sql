-- order_stats and product_sales follow orders and order_lines, whoever changes them, in the same transaction.
CREATE TRIGGER `orders_counted` AFTER INSERT ON `orders` BEGIN
  INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
  VALUES
    (substr(NEW.created_at, 1, 10), NEW.currency, NEW.status, NEW.payment_status, 1, NEW.total_amount, NEW.paid_amount, NEW.refunded_amount),
    ('all', NEW.currency, NEW.status, NEW.payment_status, 1, NEW.total_amount, NEW.paid_amount, NEW.refunded_amount)
  ON CONFLICT (period, currency, status, payment_status) DO UPDATE SET
    orders = orders + excluded.orders,
    total_amount = total_amount + excluded.total_amount,
    paid_amount = paid_amount + excluded.paid_amount,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `orders_recounted` AFTER UPDATE OF `status`, `payment_status`, `total_amount`, `paid_amount`, `refunded_amount` ON `orders`
WHEN OLD.status <> NEW.status OR OLD.payment_status <> NEW.payment_status OR OLD.total_amount <> NEW.total_amount
  OR OLD.paid_amount <> NEW.paid_amount OR OLD.refunded_amount <> NEW.refunded_amount
BEGIN
  INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
  VALUES
    (substr(OLD.created_at, 1, 10), OLD.currency, OLD.status, OLD.payment_status, -1, -OLD.total_amount, -OLD.paid_amount, -OLD.refunded_amount),
    ('all', OLD.currency, OLD.status, OLD.payment_status, -1, -OLD.total_amount, -OLD.paid_amount, -OLD.refunded_amount),
    (substr(NEW.created_at, 1, 10), NEW.currency, NEW.status, NEW.payment_status, 1, NEW.total_amount, NEW.paid_amount, NEW.refunded_amount),
    ('all', NEW.currency, NEW.status, NEW.payment_status, 1, NEW.total_amount, NEW.paid_amount, NEW.refunded_amount)
  ON CONFLICT (period, currency, status, payment_status) DO UPDATE SET
    orders = orders + excluded.orders,
    total_amount = total_amount + excluded.total_amount,
    paid_amount = paid_amount + excluded.paid_amount,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `orders_uncounted` AFTER UPDATE OF `status` ON `orders`
WHEN (OLD.status = 'cancelled') <> (NEW.status = 'cancelled')
BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT product_id, NEW.currency,
    iif(NEW.status = 'cancelled', -1, 1) * sum(quantity - returned_quantity),
    iif(NEW.status = 'cancelled', -1, 1) * sum((line_amount - discount_amount) * (quantity - returned_quantity) / quantity)
  FROM order_lines WHERE order_id = NEW.id GROUP BY product_id
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_counted` AFTER INSERT ON `order_lines` BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT NEW.product_id, currency, NEW.quantity - NEW.returned_quantity,
    (NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity
  FROM orders WHERE id = NEW.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_recounted` AFTER UPDATE OF `quantity`, `returned_quantity`, `line_amount`, `discount_amount` ON `order_lines`
WHEN OLD.quantity <> NEW.quantity OR OLD.returned_quantity <> NEW.returned_quantity OR OLD.line_amount <> NEW.line_amount OR OLD.discount_amount <> NEW.discount_amount
BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT NEW.product_id, currency,
    NEW.quantity - NEW.returned_quantity - OLD.quantity + OLD.returned_quantity,
    (NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity
      - (OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity
  FROM orders WHERE id = NEW.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_uncounted` AFTER DELETE ON `order_lines` BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT OLD.product_id, currency, OLD.returned_quantity - OLD.quantity,
    -((OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity)
  FROM orders WHERE id = OLD.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
SELECT substr(created_at, 1, 10), currency, status, payment_status, count(*), sum(total_amount), sum(paid_amount), sum(refunded_amount)
FROM orders GROUP BY 1, 2, 3, 4;
--> statement-breakpoint
INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
SELECT 'all', currency, status, payment_status, sum(orders), sum(total_amount), sum(paid_amount), sum(refunded_amount)
FROM order_stats GROUP BY 2, 3, 4;
--> statement-breakpoint
INSERT INTO product_sales (product_id, currency, quantity, amount)
SELECT line.product_id, orders.currency, sum(line.quantity - line.returned_quantity),
  sum((line.line_amount - line.discount_amount) * (line.quantity - line.returned_quantity) / line.quantity)
FROM order_lines AS line JOIN orders ON orders.id = line.order_id WHERE orders.status <> 'cancelled' GROUP BY 1, 2;
