CREATE TABLE `ledger_balances` (
	`period` text NOT NULL,
	`account` text NOT NULL,
	`currency` text NOT NULL,
	`debit_amount` integer NOT NULL,
	`credit_amount` integer NOT NULL,
	PRIMARY KEY(`period`, `account`, `currency`)
);
--> statement-breakpoint
CREATE TABLE `ledger_transfers` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`key` text NOT NULL,
	`debit` text NOT NULL,
	`credit` text NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	`reference` text NOT NULL,
	`created_at` text NOT NULL,
	CONSTRAINT "ledger_transfers_amount" CHECK(amount > 0),
	CONSTRAINT "ledger_transfers_accounts" CHECK(debit <> credit)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ledger_transfers_key` ON `ledger_transfers` (`key`);--> statement-breakpoint
CREATE INDEX `ledger_transfers_reference` ON `ledger_transfers` (`reference`,`id`);--> statement-breakpoint
CREATE INDEX `ledger_transfers_debit` ON `ledger_transfers` (`debit`,`id`);--> statement-breakpoint
CREATE INDEX `ledger_transfers_credit` ON `ledger_transfers` (`credit`,`id`);--> statement-breakpoint
CREATE INDEX `ledger_transfers_created` ON `ledger_transfers` (`created_at`);--> statement-breakpoint
CREATE TABLE `disputes` (
	`provider` text NOT NULL,
	`gateway_ref` text NOT NULL,
	`payment_id` text NOT NULL,
	`status` text NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	`reason` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`provider`, `gateway_ref`),
	FOREIGN KEY (`payment_id`) REFERENCES `payments`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "disputes_amount" CHECK(amount > 0)
);
--> statement-breakpoint
CREATE INDEX `disputes_payment` ON `disputes` (`payment_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `payment_stats` (
	`day` text NOT NULL,
	`provider` text NOT NULL,
	`currency` text NOT NULL,
	`tried` integer NOT NULL,
	`paid` integer NOT NULL,
	`failed` integer NOT NULL,
	`captured_amount` integer NOT NULL,
	`fee_amount` integer NOT NULL,
	`disputed_amount` integer NOT NULL,
	`lost_amount` integer NOT NULL,
	`refunds` integer NOT NULL,
	`refunded_amount` integer NOT NULL,
	PRIMARY KEY(`day`, `provider`, `currency`)
);
--> statement-breakpoint
CREATE TABLE `reconciliation_items` (
	`reconciliation_id` text NOT NULL,
	`key` text NOT NULL,
	`kind` text NOT NULL,
	`outcome` text NOT NULL,
	`provider` text NOT NULL,
	`payment_id` text,
	`refund_id` text,
	`gateway_ref` text,
	`reference` text,
	`amount` integer,
	`currency` text,
	`detail` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`reconciliation_id`, `key`),
	FOREIGN KEY (`reconciliation_id`) REFERENCES `reconciliations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `reconciliation_items_outcome` ON `reconciliation_items` (`reconciliation_id`,`outcome`,`key`);--> statement-breakpoint
CREATE INDEX `reconciliation_items_ref` ON `reconciliation_items` (`gateway_ref`);--> statement-breakpoint
CREATE TABLE `reconciliations` (
	`id` text PRIMARY KEY NOT NULL,
	`status` text NOT NULL,
	`since` text NOT NULL,
	`place` text,
	`step` integer NOT NULL,
	`checked` integer NOT NULL,
	`repaired` integer NOT NULL,
	`open` integer NOT NULL,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`finished_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `reconciliations_running` ON `reconciliations` (`status`) WHERE status = 'running';--> statement-breakpoint
DROP TABLE `product_tags`;--> statement-breakpoint
ALTER TABLE `orders` ADD `refunded_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `refunded_shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `refunded_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `refunded_shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `disputed_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `fee_amount` integer;--> statement-breakpoint
ALTER TABLE `payments` ADD `capture_ref` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `return_url` text;--> statement-breakpoint
CREATE UNIQUE INDEX `payments_capture_ref` ON `payments` (`provider`,`capture_ref`);--> statement-breakpoint
CREATE INDEX `payments_asked` ON `payments` (`id`) WHERE check_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `refunds_gateway_ref` ON `refunds` (`gateway_ref`);--> statement-breakpoint
CREATE INDEX `refunds_asked` ON `refunds` (`id`) WHERE check_at IS NOT NULL;