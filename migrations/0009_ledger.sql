-- The books are only ever added to, and ledger_balances follows them, in the same transaction.
CREATE TRIGGER `ledger_transfers_kept` BEFORE UPDATE ON `ledger_transfers` BEGIN
  SELECT RAISE(ABORT, 'ledger_transfers is only added to');
END;
--> statement-breakpoint
CREATE TRIGGER `ledger_transfers_stay` BEFORE DELETE ON `ledger_transfers` BEGIN
  SELECT RAISE(ABORT, 'ledger_transfers is only added to');
END;
--> statement-breakpoint
CREATE TRIGGER `ledger_transfers_counted` AFTER INSERT ON `ledger_transfers` BEGIN
  INSERT INTO ledger_balances (period, account, currency, debit_amount, credit_amount)
  VALUES
    (substr(NEW.created_at, 1, 10), NEW.debit, NEW.currency, NEW.amount, 0),
    ('all', NEW.debit, NEW.currency, NEW.amount, 0),
    (substr(NEW.created_at, 1, 10), NEW.credit, NEW.currency, 0, NEW.amount),
    ('all', NEW.credit, NEW.currency, 0, NEW.amount)
  ON CONFLICT (period, account, currency) DO UPDATE SET
    debit_amount = debit_amount + excluded.debit_amount,
    credit_amount = credit_amount + excluded.credit_amount;
END;
--> statement-breakpoint
-- `ledger_claims` takes what the books are to say of one thing (`source`): the difference to what they say is booked.
CREATE VIEW `ledger_claims` AS
  SELECT key AS source, debit, credit, amount, currency, reference, created_at FROM ledger_transfers;
--> statement-breakpoint
CREATE TRIGGER `ledger_claims_booked` INSTEAD OF INSERT ON `ledger_claims` BEGIN
  INSERT INTO ledger_transfers (key, debit, credit, amount, currency, reference, created_at)
  SELECT NEW.source || ':' || (times + 1), iif(change > 0, NEW.debit, NEW.credit), iif(change > 0, NEW.credit, NEW.debit),
    abs(change), NEW.currency, NEW.reference, NEW.created_at
  FROM (
    SELECT count(*) AS times, NEW.amount - coalesce(sum(iif(debit = NEW.debit, amount, -amount)), 0) AS change
    FROM ledger_transfers WHERE key >= NEW.source || ':' AND key < NEW.source || ';'
  ) WHERE change <> 0;
END;
--> statement-breakpoint
-- What an order is worth: nothing when it was cancelled or all of it went back, otherwise its total, less what went back of
-- it otherwise than by an edit (`reduced_amount`) and beyond what was paid too much. Tax is where the prices have it.
CREATE VIEW `order_worths` AS
  SELECT id, currency, updated_at,
    iif(is_over, 0, total - tax - shipping) AS sales, iif(is_over, 0, shipping) AS shipping, iif(is_over, 0, tax) AS tax
  FROM (
    SELECT id, currency, updated_at, status IN ('cancelled', 'refunded') AS is_over,
      tax_amount + included_tax_amount - refunded_tax_amount AS tax,
      shipping_amount - iif(included_tax_amount > 0, shipping_tax_amount, 0) - refunded_shipping_amount AS shipping,
      total_amount - max(0, refunded_amount - reduced_amount - max(0, paid_amount - reduced_amount - total_amount)) AS total
    FROM orders
  );
--> statement-breakpoint
CREATE VIEW `order_claims` AS
  SELECT id, 'sales:' || id AS source, 'receivable' AS debit, 'sales' AS credit, sales AS amount, currency, updated_at FROM order_worths
  UNION ALL SELECT id, 'shipping:' || id, 'receivable', 'shipping', shipping, currency, updated_at FROM order_worths
  UNION ALL SELECT id, 'tax:' || id, 'receivable', 'tax', tax, currency, updated_at FROM order_worths;
--> statement-breakpoint
CREATE TRIGGER `orders_booked` AFTER INSERT ON `orders` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, id, updated_at FROM order_claims WHERE id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER `orders_rebooked` AFTER UPDATE OF `status`, `total_amount`, `shipping_amount`, `tax_amount`, `included_tax_amount`,
  `shipping_tax_amount`, `paid_amount`, `refunded_amount`, `reduced_amount`, `refunded_tax_amount`, `refunded_shipping_amount` ON `orders` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, id, updated_at FROM order_claims WHERE id = NEW.id;
END;
--> statement-breakpoint
-- Where the money of a payment lies. Of gift cards and store credit their own modules book all.
CREATE VIEW `payment_accounts` AS
  SELECT id, iif(provider IN ('manual', 'cod'), 'cash', 'gateway:' || provider) AS account
  FROM payments WHERE provider NOT IN ('gift_card', 'store_credit');
--> statement-breakpoint
CREATE VIEW `payment_sums` AS
  SELECT payments.id AS payment_id, account, captured_amount AS captured, coalesce(fee_amount, 0) AS fee, currency, reference, updated_at,
    refunded_amount - (SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment_id = payments.id AND status <> 'failed') AS lost,
    (SELECT coalesce(sum(amount), 0) FROM disputes WHERE payment_id = payments.id AND status = 'lost') AS taken
  FROM payments JOIN payment_accounts ON payment_accounts.id = payments.id;
--> statement-breakpoint
-- What the books say of payments: captured, kept by the gateway, and what banks took back for good: `lost` counts as
-- refunded, though there is no refund, as far as it was not given back before (`written_off`).
CREATE VIEW `payment_claims` AS
  SELECT payment_id, 'capture:' || payment_id AS source, account AS debit, 'receivable' AS credit, captured AS amount, currency, reference, updated_at FROM payment_sums
  UNION ALL SELECT payment_id, 'fee:' || payment_id, 'fees', account, fee, currency, reference, updated_at FROM payment_sums
  UNION ALL SELECT payment_id, 'lost:' || payment_id, 'receivable', 'disputes', lost, currency, reference, updated_at FROM payment_sums
  UNION ALL SELECT payment_id, 'written-off:' || payment_id, 'write-offs', 'disputes', taken - lost, currency, reference, updated_at FROM payment_sums;
--> statement-breakpoint
CREATE TRIGGER `payments_booked` AFTER INSERT ON `payments` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims WHERE payment_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER `payments_rebooked` AFTER UPDATE OF `captured_amount`, `fee_amount`, `refunded_amount`, `disputed_amount` ON `payments`
WHEN OLD.captured_amount <> NEW.captured_amount OR OLD.fee_amount IS NOT NEW.fee_amount
  OR OLD.refunded_amount <> NEW.refunded_amount OR OLD.disputed_amount <> NEW.disputed_amount
BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims WHERE payment_id = NEW.id;
END;
--> statement-breakpoint
-- A refund is owed no more as soon as it is on its way, and leaves its account when it has succeeded; what is given as
-- store credit instead leaves none, and is booked with the credit.
CREATE VIEW `refund_claims` AS
  SELECT refunds.id AS refund_id, 'refund:' || refunds.id AS source, 'receivable' AS debit, 'refunds-in-flight' AS credit,
    iif(status = 'failed', 0, amount) AS amount, currency, reference, updated_at
  FROM refunds JOIN payment_accounts ON payment_accounts.id = payment_id WHERE destination IS NULL
  UNION ALL SELECT refunds.id, 'refunded:' || refunds.id, 'refunds-in-flight', account,
    iif(status = 'succeeded', amount, 0), currency, reference, updated_at
  FROM refunds JOIN payment_accounts ON payment_accounts.id = payment_id WHERE destination IS NULL;
--> statement-breakpoint
CREATE TRIGGER `refunds_booked` AFTER INSERT ON `refunds` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM refund_claims WHERE refund_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER `refunds_rebooked` AFTER UPDATE OF `status`, `amount` ON `refunds`
WHEN OLD.status <> NEW.status OR OLD.amount <> NEW.amount
BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM refund_claims WHERE refund_id = NEW.id;
END;
--> statement-breakpoint
-- What banks hold while they decide, and keep when the dispute is lost.
CREATE VIEW `dispute_claims` AS
  SELECT disputes.provider, disputes.gateway_ref, 'dispute:' || disputes.provider || ':' || disputes.gateway_ref AS source, account,
    iif(disputes.status = 'won', 0, disputes.amount) AS amount, disputes.currency, payments.reference, disputes.updated_at
  FROM disputes JOIN payments ON payments.id = disputes.payment_id JOIN payment_accounts ON payment_accounts.id = disputes.payment_id;
--> statement-breakpoint
CREATE TRIGGER `disputes_booked` AFTER INSERT ON `disputes` BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims
  WHERE provider = NEW.provider AND gateway_ref = NEW.gateway_ref;
  -- Where nothing more can be lost of the payment, the payment's own change says nothing of it.
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims
  WHERE payment_id = (SELECT id FROM payments WHERE id = NEW.payment_id AND refunded_amount = captured_amount);
END;
--> statement-breakpoint
CREATE TRIGGER `disputes_rebooked` AFTER UPDATE OF `status` ON `disputes` WHEN OLD.status <> NEW.status BEGIN
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims
  WHERE provider = NEW.provider AND gateway_ref = NEW.gateway_ref;
  INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
  SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims
  WHERE payment_id = (SELECT id FROM payments WHERE id = NEW.payment_id AND refunded_amount = captured_amount);
END;
--> statement-breakpoint
-- What happened before there were books.
INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
SELECT source, debit, credit, amount, currency, id, updated_at FROM order_claims;
--> statement-breakpoint
INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
SELECT source, debit, credit, amount, currency, reference, updated_at FROM refund_claims;
--> statement-breakpoint
INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
SELECT source, 'disputes', account, amount, currency, reference, updated_at FROM dispute_claims;
--> statement-breakpoint
INSERT INTO ledger_claims (source, debit, credit, amount, currency, reference, created_at)
SELECT source, debit, credit, amount, currency, reference, updated_at FROM payment_claims;
