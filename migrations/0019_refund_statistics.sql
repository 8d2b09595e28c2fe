-- A refund counts where its money went: what is given as store credit has not left the gateway that took the payment, and
-- counts again as a payment by store credit when it is spent.
DROP TRIGGER `refunds_counted`;
--> statement-breakpoint
CREATE TRIGGER `refunds_counted` AFTER INSERT ON `refunds` WHEN NEW.status <> 'failed' BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  SELECT substr(NEW.created_at, 1, 10), coalesce(NEW.destination, provider), NEW.currency, 0, 0, 0, 0, 0, 0, 0, 1, NEW.amount FROM payments WHERE id = NEW.payment_id
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
DROP TRIGGER `refunds_recounted`;
--> statement-breakpoint
CREATE TRIGGER `refunds_recounted` AFTER UPDATE OF `status` ON `refunds` WHEN (OLD.status = 'failed') <> (NEW.status = 'failed') BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  SELECT substr(NEW.created_at, 1, 10), coalesce(NEW.destination, provider), NEW.currency, 0, 0, 0, 0, 0, 0, 0, iif(NEW.status = 'failed', -1, 1), iif(NEW.status = 'failed', -NEW.amount, NEW.amount) FROM payments WHERE id = NEW.payment_id
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
END;
--> statement-breakpoint
UPDATE payment_stats SET refunds = 0, refunded_amount = 0;
--> statement-breakpoint
INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
SELECT substr(refunds.created_at, 1, 10), coalesce(destination, provider), refunds.currency, 0, 0, 0, 0, 0, 0, 0, count(*), sum(refunds.amount)
FROM refunds JOIN payments ON payments.id = refunds.payment_id WHERE refunds.status <> 'failed' GROUP BY 1, 2, 3
  ON CONFLICT (day, provider, currency) DO UPDATE SET
    refunds = refunds + excluded.refunds,
    refunded_amount = refunded_amount + excluded.refunded_amount;
