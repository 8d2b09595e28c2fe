-- Statistics are in the shop's own currency: an order in another one counts by the rate it was placed with.
DROP TRIGGER `orders_counted`;
--> statement-breakpoint
DROP TRIGGER `orders_recounted`;
--> statement-breakpoint
DROP TRIGGER `orders_uncounted`;
--> statement-breakpoint
DROP TRIGGER `order_lines_counted`;
--> statement-breakpoint
DROP TRIGGER `order_lines_recounted`;
--> statement-breakpoint
DROP TRIGGER `order_lines_uncounted`;
--> statement-breakpoint
CREATE TRIGGER `orders_counted` AFTER INSERT ON `orders` BEGIN
  INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
  VALUES
    (substr(NEW.created_at, 1, 10), coalesce(NEW.base_currency, NEW.currency), NEW.status, NEW.payment_status, 1,
      coalesce(NEW.base_total_amount, NEW.total_amount),
      CASE WHEN NEW.base_currency IS NULL THEN NEW.paid_amount WHEN NEW.paid_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.paid_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END,
      CASE WHEN NEW.base_currency IS NULL THEN NEW.refunded_amount WHEN NEW.refunded_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.refunded_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END),
    ('all', coalesce(NEW.base_currency, NEW.currency), NEW.status, NEW.payment_status, 1,
      coalesce(NEW.base_total_amount, NEW.total_amount),
      CASE WHEN NEW.base_currency IS NULL THEN NEW.paid_amount WHEN NEW.paid_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.paid_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END,
      CASE WHEN NEW.base_currency IS NULL THEN NEW.refunded_amount WHEN NEW.refunded_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.refunded_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END)
  ON CONFLICT (period, currency, status, payment_status) DO UPDATE SET
    orders = orders + excluded.orders,
    total_amount = total_amount + excluded.total_amount,
    paid_amount = paid_amount + excluded.paid_amount,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `orders_recounted` AFTER UPDATE OF `status`, `payment_status`, `total_amount`, `paid_amount`, `refunded_amount`, `base_total_amount` ON `orders`
WHEN OLD.status <> NEW.status OR OLD.payment_status <> NEW.payment_status OR OLD.total_amount <> NEW.total_amount
  OR OLD.paid_amount <> NEW.paid_amount OR OLD.refunded_amount <> NEW.refunded_amount OR OLD.base_total_amount IS NOT NEW.base_total_amount
BEGIN
  INSERT INTO order_stats (period, currency, status, payment_status, orders, total_amount, paid_amount, refunded_amount)
  VALUES
    (substr(OLD.created_at, 1, 10), coalesce(OLD.base_currency, OLD.currency), OLD.status, OLD.payment_status, -1,
      -(coalesce(OLD.base_total_amount, OLD.total_amount)),
      -(CASE WHEN OLD.base_currency IS NULL THEN OLD.paid_amount WHEN OLD.paid_amount = OLD.total_amount THEN OLD.base_total_amount ELSE CAST(coalesce(OLD.paid_amount * OLD.base_total_amount / nullif(OLD.total_amount, 0), 0) AS INTEGER) END),
      -(CASE WHEN OLD.base_currency IS NULL THEN OLD.refunded_amount WHEN OLD.refunded_amount = OLD.total_amount THEN OLD.base_total_amount ELSE CAST(coalesce(OLD.refunded_amount * OLD.base_total_amount / nullif(OLD.total_amount, 0), 0) AS INTEGER) END)),
    ('all', coalesce(OLD.base_currency, OLD.currency), OLD.status, OLD.payment_status, -1,
      -(coalesce(OLD.base_total_amount, OLD.total_amount)),
      -(CASE WHEN OLD.base_currency IS NULL THEN OLD.paid_amount WHEN OLD.paid_amount = OLD.total_amount THEN OLD.base_total_amount ELSE CAST(coalesce(OLD.paid_amount * OLD.base_total_amount / nullif(OLD.total_amount, 0), 0) AS INTEGER) END),
      -(CASE WHEN OLD.base_currency IS NULL THEN OLD.refunded_amount WHEN OLD.refunded_amount = OLD.total_amount THEN OLD.base_total_amount ELSE CAST(coalesce(OLD.refunded_amount * OLD.base_total_amount / nullif(OLD.total_amount, 0), 0) AS INTEGER) END)),
    (substr(NEW.created_at, 1, 10), coalesce(NEW.base_currency, NEW.currency), NEW.status, NEW.payment_status, 1,
      coalesce(NEW.base_total_amount, NEW.total_amount),
      CASE WHEN NEW.base_currency IS NULL THEN NEW.paid_amount WHEN NEW.paid_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.paid_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END,
      CASE WHEN NEW.base_currency IS NULL THEN NEW.refunded_amount WHEN NEW.refunded_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.refunded_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END),
    ('all', coalesce(NEW.base_currency, NEW.currency), NEW.status, NEW.payment_status, 1,
      coalesce(NEW.base_total_amount, NEW.total_amount),
      CASE WHEN NEW.base_currency IS NULL THEN NEW.paid_amount WHEN NEW.paid_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.paid_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END,
      CASE WHEN NEW.base_currency IS NULL THEN NEW.refunded_amount WHEN NEW.refunded_amount = NEW.total_amount THEN NEW.base_total_amount ELSE CAST(coalesce(NEW.refunded_amount * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END)
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
  SELECT product_id, coalesce(NEW.base_currency, NEW.currency),
    iif(NEW.status = 'cancelled', -1, 1) * sum(quantity - returned_quantity),
    iif(NEW.status = 'cancelled', -1, 1) * sum(CASE WHEN NEW.base_currency IS NULL THEN (order_lines.line_amount - order_lines.discount_amount) * (order_lines.quantity - order_lines.returned_quantity) / order_lines.quantity ELSE CAST(coalesce((order_lines.line_amount - order_lines.discount_amount) * (order_lines.quantity - order_lines.returned_quantity) / order_lines.quantity * NEW.base_total_amount / nullif(NEW.total_amount, 0), 0) AS INTEGER) END)
  FROM order_lines WHERE order_id = NEW.id GROUP BY product_id
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_counted` AFTER INSERT ON `order_lines` BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT NEW.product_id, coalesce(orders.base_currency, orders.currency), NEW.quantity - NEW.returned_quantity,
    CASE WHEN orders.base_currency IS NULL THEN (NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity ELSE CAST(coalesce((NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity * orders.base_total_amount / nullif(orders.total_amount, 0), 0) AS INTEGER) END
  FROM orders WHERE id = NEW.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_recounted` AFTER UPDATE OF `quantity`, `returned_quantity`, `line_amount`, `discount_amount` ON `order_lines`
WHEN OLD.quantity <> NEW.quantity OR OLD.returned_quantity <> NEW.returned_quantity OR OLD.line_amount <> NEW.line_amount OR OLD.discount_amount <> NEW.discount_amount
BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT NEW.product_id, coalesce(orders.base_currency, orders.currency),
    NEW.quantity - NEW.returned_quantity - OLD.quantity + OLD.returned_quantity,
    (CASE WHEN orders.base_currency IS NULL THEN (NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity ELSE CAST(coalesce((NEW.line_amount - NEW.discount_amount) * (NEW.quantity - NEW.returned_quantity) / NEW.quantity * orders.base_total_amount / nullif(orders.total_amount, 0), 0) AS INTEGER) END)
      - (CASE WHEN orders.base_currency IS NULL THEN (OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity ELSE CAST(coalesce((OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity * orders.base_total_amount / nullif(orders.total_amount, 0), 0) AS INTEGER) END)
  FROM orders WHERE id = NEW.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
--> statement-breakpoint
CREATE TRIGGER `order_lines_uncounted` AFTER DELETE ON `order_lines` BEGIN
  INSERT INTO product_sales (product_id, currency, quantity, amount)
  SELECT OLD.product_id, coalesce(orders.base_currency, orders.currency), OLD.returned_quantity - OLD.quantity,
    -(CASE WHEN orders.base_currency IS NULL THEN (OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity ELSE CAST(coalesce((OLD.line_amount - OLD.discount_amount) * (OLD.quantity - OLD.returned_quantity) / OLD.quantity * orders.base_total_amount / nullif(orders.total_amount, 0), 0) AS INTEGER) END)
  FROM orders WHERE id = OLD.order_id AND status <> 'cancelled'
  ON CONFLICT (product_id, currency) DO UPDATE SET quantity = quantity + excluded.quantity, amount = amount + excluded.amount;
END;
