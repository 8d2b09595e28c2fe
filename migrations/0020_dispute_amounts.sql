-- A gateway that is asked may say another amount of a dispute than its event did: the figures and the books follow.
DROP TRIGGER `disputes_recounted`;
--> statement-breakpoint
CREATE TRIGGER `disputes_recounted` AFTER UPDATE OF `status`, `amount` ON `disputes`
WHEN iif(NEW.status = 'lost', NEW.amount, 0) <> iif(OLD.status = 'lost', OLD.amount, 0)
BEGIN
  INSERT INTO payment_stats (day, provider, currency, tried, paid, failed, captured_amount, fee_amount, disputed_amount, lost_amount, refunds, refunded_amount)
  VALUES (substr(NEW.created_at, 1, 10), NEW.provider, NEW.currency, 0, 0, 0, 0, 0, 0, iif(NEW.status = 'lost', NEW.amount, 0) - iif(OLD.status = 'lost', OLD.amount, 0), 0, 0)
  ON CONFLICT (day, provider, currency) DO UPDATE SET lost_amount = lost_amount + excluded.lost_amount;
END;
--> statement-breakpoint
DROP TRIGGER `disputes_rebooked`;
--> statement-breakpoint
CREATE TRIGGER `disputes_rebooked` AFTER UPDATE OF `status`, `amount` ON `disputes`
WHEN OLD.status <> NEW.status OR OLD.amount <> NEW.amount
BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims
  WHERE provider = NEW.provider AND gateway_ref = NEW.gateway_ref;
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, NEW.updated_at FROM payment_claims
  WHERE payment_id = iif(NEW.status = 'lost' OR OLD.status = 'lost', NEW.payment_id, NULL);
END;
