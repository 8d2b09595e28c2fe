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
