-- What banks took back for good is booked by what was captured, refunded and lost, and not by the sum of both that the
-- payment shows: where a refund fails after a bank took the money, that sum need not change, and more of it is lost.
DROP VIEW `payment_sums`;
--> statement-breakpoint
CREATE VIEW `payment_sums` AS
  SELECT payment_id, account, captured, fee, currency, reference, updated_at, max(0, min(taken, captured - refunded)) AS lost, taken
  FROM (
    SELECT payments.id AS payment_id, account, captured_amount AS captured, coalesce(fee_amount, 0) AS fee, currency, reference, updated_at,
      (SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = payments.id AND status <> 'failed') AS refunded,
      (SELECT coalesce(sum(amount), 0) FROM disputes WHERE payment_id = payments.id AND status = 'lost') AS taken
    FROM payments JOIN payment_accounts ON payment_accounts.id = payments.id
  );
--> statement-breakpoint
DROP TRIGGER `payments_rebooked`;
--> statement-breakpoint
CREATE TRIGGER `payments_rebooked` AFTER UPDATE OF `captured_amount`, `fee_amount` ON `payments`
WHEN OLD.captured_amount <> NEW.captured_amount OR OLD.fee_amount IS NOT NEW.fee_amount
BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims WHERE payment_id = NEW.id;
END;
--> statement-breakpoint
DROP TRIGGER `refunds_rebooked`;
--> statement-breakpoint
CREATE TRIGGER `refunds_rebooked` AFTER UPDATE OF `status`, `amount` ON `refunds`
WHEN OLD.status <> NEW.status OR OLD.amount <> NEW.amount
BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM refund_claims WHERE refund_id = NEW.id;
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, NEW.updated_at FROM payment_claims
  WHERE payment_id = (SELECT payment_id FROM disputes WHERE payment_id = NEW.payment_id AND status = 'lost' LIMIT 1);
END;
--> statement-breakpoint
DROP TRIGGER `disputes_booked`;
--> statement-breakpoint
CREATE TRIGGER `disputes_booked` AFTER INSERT ON `disputes` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims
  WHERE provider = NEW.provider AND gateway_ref = NEW.gateway_ref;
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, NEW.updated_at FROM payment_claims
  WHERE payment_id = iif(NEW.status = 'lost', NEW.payment_id, NULL);
END;
--> statement-breakpoint
DROP TRIGGER `disputes_rebooked`;
--> statement-breakpoint
CREATE TRIGGER `disputes_rebooked` AFTER UPDATE OF `status` ON `disputes` WHEN OLD.status <> NEW.status BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims
  WHERE provider = NEW.provider AND gateway_ref = NEW.gateway_ref;
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, NEW.updated_at FROM payment_claims
  WHERE payment_id = iif(NEW.status = 'lost' OR OLD.status = 'lost', NEW.payment_id, NULL);
END;
