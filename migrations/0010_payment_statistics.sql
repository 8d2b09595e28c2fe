-- payment_stats follows payments and refunds, whoever changes them, in the same transaction.
CREATE TRIGGER `payments_counted` AFTER INSERT ON `payments` BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  VALUES (substr(NEW.created_at, 1, 10), NEW.provider, NEW.currency, 1, (NEW.captured_amount > 0), (NEW.status = 'failed'), NEW.captured_amount, coalesce(NEW.fee_amount, 0), NEW.disputed_amount, 0, 0, 0)
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `payments_recounted` AFTER UPDATE OF `status`, `captured_amount`, `fee_amount`, `disputed_amount` ON `payments`
WHEN OLD.status <> NEW.status OR OLD.captured_amount <> NEW.captured_amount OR OLD.fee_amount IS NOT NEW.fee_amount
  OR OLD.disputed_amount <> NEW.disputed_amount
BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  VALUES (substr(OLD.created_at, 1, 10), OLD.provider, OLD.currency, -1, -(OLD.captured_amount > 0), -(OLD.status = 'failed'), -OLD.captured_amount, -coalesce(OLD.fee_amount, 0), -OLD.disputed_amount, 0, 0, 0),
    (substr(NEW.created_at, 1, 10), NEW.provider, NEW.currency, 1, (NEW.captured_amount > 0), (NEW.status = 'failed'), NEW.captured_amount, coalesce(NEW.fee_amount, 0), NEW.disputed_amount, 0, 0, 0)
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `refunds_counted` AFTER INSERT ON `refunds` BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  SELECT substr(NEW.created_at, 1, 10), provider, NEW.currency, 0, 0, 0, 0, 0, 0, 0, (NEW.status <> 'failed'), iif(NEW.status = 'failed', 0, NEW.amount) FROM payments WHERE id = NEW.payment_id
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `refunds_recounted` AFTER UPDATE OF `status` ON `refunds` WHEN (OLD.status = 'failed') <> (NEW.status = 'failed') BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  SELECT substr(OLD.created_at, 1, 10), provider, OLD.currency, 0, 0, 0, 0, 0, 0, 0, -(OLD.status <> 'failed'), -iif(OLD.status = 'failed', 0, OLD.amount) FROM payments WHERE id = OLD.payment_id
  UNION ALL SELECT substr(NEW.created_at, 1, 10), provider, NEW.currency, 0, 0, 0, 0, 0, 0, 0, (NEW.status <> 'failed'), iif(NEW.status = 'failed', 0, NEW.amount) FROM payments WHERE id = NEW.payment_id
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `disputes_counted` AFTER INSERT ON `disputes` WHEN NEW.status = 'lost' BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  VALUES (substr(NEW.created_at, 1, 10), NEW.provider, NEW.currency, 0, 0, 0, 0, 0, 0, NEW.amount, 0, 0)
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
CREATE TRIGGER `disputes_recounted` AFTER UPDATE OF `status` ON `disputes` WHEN (OLD.status = 'lost') <> (NEW.status = 'lost') BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  VALUES (substr(NEW.created_at, 1, 10), NEW.provider, NEW.currency, 0, 0, 0, 0, 0, 0, iif(NEW.status = 'lost', NEW.amount, -NEW.amount), 0, 0)
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    tried = tried + excluded.tried,
    paid = paid + excluded.paid,
    failed = failed + excluded.failed,
    captured_amount = captured_amount + excluded.captured_amount,
    fee_amount = fee_amount + excluded.fee_amount,
    disputed_amount = disputed_amount + excluded.disputed_amount,
    lost_amount = lost_amount + excluded.lost_amount,
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
SELECT day, provider, currency, sum(tried), sum(paid), sum(failed), sum(captured), sum(fee), sum(disputed), sum(lost), sum(refunds), sum(refunded) FROM (
  SELECT substr(created_at, 1, 10) AS day, provider, currency, 1 AS tried, captured_amount > 0 AS paid, status = 'failed' AS failed,
    captured_amount AS captured, coalesce(fee_amount, 0) AS fee, disputed_amount AS disputed, 0 AS lost, 0 AS refunds, 0 AS refunded FROM payments
  UNION ALL SELECT substr(refunds.created_at, 1, 10), provider, refunds.currency, 0, 0, 0, 0, 0, 0, 0, 1, refunds.amount
  FROM refunds JOIN payments ON payments.id = refunds.payment_id WHERE refunds.status <> 'failed'
  UNION ALL SELECT substr(created_at, 1, 10), provider, currency, 0, 0, 0, 0, 0, 0, amount, 0, 0 FROM disputes WHERE status = 'lost'
) GROUP BY 1, 2, 3;
