CREATE TABLE `credit_entries` (
	`id` text PRIMARY KEY NOT NULL,
	`key` text NOT NULL,
	`gift_card_id` text,
	`user_id` text,
	`currency` text NOT NULL,
	`kind` text NOT NULL,
	`amount` integer NOT NULL,
	`balance_amount` integer NOT NULL,
	`reason` text NOT NULL,
	`reference` text,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`gift_card_id`) REFERENCES `gift_cards`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "credit_entries_amount" CHECK(amount <> 0),
	CONSTRAINT "credit_entries_owner" CHECK((gift_card_id IS NULL) <> (user_id IS NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `credit_entries_key` ON `credit_entries` (`key`);--> statement-breakpoint
CREATE INDEX `credit_entries_gift_card` ON `credit_entries` (`gift_card_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `credit_entries_user` ON `credit_entries` (`user_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `gift_cards` (
	`id` text PRIMARY KEY NOT NULL,
	`code_hash` text NOT NULL,
	`last4` text NOT NULL,
	`currency` text NOT NULL,
	`initial_amount` integer NOT NULL,
	`balance_amount` integer NOT NULL,
	`status` text NOT NULL,
	`expires_at` text,
	`recipient_email` text,
	`message` text NOT NULL,
	`note` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "gift_cards_balance" CHECK(balance_amount >= 0),
	CONSTRAINT "gift_cards_initial" CHECK(initial_amount > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `gift_cards_code` ON `gift_cards` (`code_hash`);--> statement-breakpoint
CREATE INDEX `gift_cards_created` ON `gift_cards` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `gift_cards_status` ON `gift_cards` (`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `gift_cards_last4` ON `gift_cards` (`last4`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `gift_cards_recipient` ON `gift_cards` (`recipient_email`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `store_credits` (
	`user_id` text NOT NULL,
	`currency` text NOT NULL,
	`balance_amount` integer NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`user_id`, `currency`),
	CONSTRAINT "store_credits_balance" CHECK(balance_amount >= 0)
);
--> statement-breakpoint
CREATE TABLE `currencies` (
	`code` text PRIMARY KEY NOT NULL,
	`is_enabled` integer NOT NULL,
	`source` text NOT NULL,
	`increment` integer NOT NULL,
	`rounding` text NOT NULL,
	`max_age_hours` integer NOT NULL,
	`margin_basis_points` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "currencies_increment" CHECK(increment > 0),
	CONSTRAINT "currencies_margin" CHECK(margin_basis_points BETWEEN 0 AND 10000)
);
--> statement-breakpoint
CREATE INDEX `currencies_created` ON `currencies` (`created_at`,`code`);--> statement-breakpoint
CREATE TABLE `exchange_rates` (
	`id` text PRIMARY KEY NOT NULL,
	`source` text NOT NULL,
	`base` text NOT NULL,
	`currency` text NOT NULL,
	`rate` text NOT NULL,
	`as_of` text NOT NULL,
	`actor` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `exchange_rates_once` ON `exchange_rates` (`currency`,`source`,`base`,`as_of`) WHERE source <> 'manual';--> statement-breakpoint
CREATE INDEX `exchange_rates_as_of` ON `exchange_rates` (`as_of`,`id`);--> statement-breakpoint
CREATE INDEX `exchange_rates_currency` ON `exchange_rates` (`currency`,`as_of`,`id`);--> statement-breakpoint
CREATE TABLE `latest_rates` (
	`source` text NOT NULL,
	`base` text NOT NULL,
	`currency` text NOT NULL,
	`rate` text NOT NULL,
	`as_of` text NOT NULL,
	PRIMARY KEY(`currency`, `source`, `base`)
);
--> statement-breakpoint
CREATE TABLE `price_list_entries` (
	`list_id` text NOT NULL,
	`variant_id` text NOT NULL,
	`amount` integer NOT NULL,
	`compare_at_amount` integer,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`list_id`, `variant_id`),
	FOREIGN KEY (`list_id`) REFERENCES `price_lists`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`variant_id`) REFERENCES `variants`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "price_list_entries_amount" CHECK(amount > 0)
);
--> statement-breakpoint
CREATE INDEX `price_list_entries_variant` ON `price_list_entries` (`variant_id`);--> statement-breakpoint
CREATE TABLE `price_lists` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`currency` text NOT NULL,
	`is_active` integer NOT NULL,
	`starts_at` text,
	`ends_at` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `price_lists_created` ON `price_lists` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `price_lists_currency` ON `price_lists` (`currency`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `rate_providers` (
	`source` text PRIMARY KEY NOT NULL,
	`as_of` text,
	`tried_at` text NOT NULL
);
--> statement-breakpoint
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
CREATE TABLE `payment_customers` (
	`user_id` text NOT NULL,
	`provider` text NOT NULL,
	`ref` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`user_id`, `provider`),
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
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
CREATE TABLE `subscription_changes` (
	`subscription_id` text NOT NULL,
	`version` integer NOT NULL,
	`kind` text NOT NULL,
	`from` text,
	`to` text NOT NULL,
	`note` text NOT NULL,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`subscription_id`, `version`),
	FOREIGN KEY (`subscription_id`) REFERENCES `subscriptions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `subscription_plan_items` (
	`plan_id` text NOT NULL,
	`product_id` text NOT NULL,
	`variant_id` text NOT NULL,
	PRIMARY KEY(`plan_id`, `product_id`, `variant_id`),
	FOREIGN KEY (`plan_id`) REFERENCES `subscription_plans`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `subscription_plan_items_product` ON `subscription_plan_items` (`product_id`,`plan_id`);--> statement-breakpoint
CREATE TABLE `subscription_plan_prices` (
	`plan_id` text NOT NULL,
	`variant_id` text NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	PRIMARY KEY(`plan_id`, `variant_id`),
	FOREIGN KEY (`plan_id`) REFERENCES `subscription_plans`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "subscription_plan_prices_amount" CHECK(amount > 0)
);
--> statement-breakpoint
CREATE TABLE `subscription_plans` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`interval` text NOT NULL,
	`interval_count` integer NOT NULL,
	`trial_days` integer NOT NULL,
	`discount_basis_points` integer NOT NULL,
	`max_cycles` integer,
	`is_active` integer NOT NULL,
	`is_for_all` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "subscription_plans_terms" CHECK(interval_count > 0 AND trial_days >= 0 AND discount_basis_points BETWEEN 0 AND 10000 AND (max_cycles IS NULL OR max_cycles > 0))
);
--> statement-breakpoint
CREATE INDEX `subscription_plans_created` ON `subscription_plans` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscription_plans_active` ON `subscription_plans` (`is_active`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `subscription_renewals` (
	`subscription_id` text NOT NULL,
	`period` integer NOT NULL,
	`order_id` text NOT NULL,
	`status` text NOT NULL,
	`starts_at` text NOT NULL,
	`ends_at` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`subscription_id`, `period`),
	FOREIGN KEY (`subscription_id`) REFERENCES `subscriptions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `subscription_renewals_order` ON `subscription_renewals` (`order_id`);--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`plan_id` text NOT NULL,
	`plan_name` text NOT NULL,
	`status` text NOT NULL,
	`currency` text NOT NULL,
	`interval` text NOT NULL,
	`interval_count` integer NOT NULL,
	`max_cycles` integer,
	`items` text NOT NULL,
	`upcoming` text,
	`anchor_at` text NOT NULL,
	`anchor_period` integer NOT NULL,
	`period` integer NOT NULL,
	`period_start` text NOT NULL,
	`period_end` text NOT NULL,
	`period_amount` integer,
	`balance_amount` integer NOT NULL,
	`cycles` integer NOT NULL,
	`trial_ends_at` text,
	`provider` text NOT NULL,
	`method_ref` text,
	`shipping_address` text,
	`billing_address` text,
	`shipping_method` text,
	`cancel_at_period_end` integer NOT NULL,
	`cancel_reason` text NOT NULL,
	`resume_at` text,
	`paused_at` text,
	`cancelled_at` text,
	`ended_at` text,
	`failure` text,
	`failed_at` text,
	`attempts` integer NOT NULL,
	`order_id` text,
	`payment_id` text,
	`noticed_period` integer NOT NULL,
	`next_at` text,
	`version` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`plan_id`) REFERENCES `subscription_plans`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `subscriptions_user` ON `subscriptions` (`user_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_created` ON `subscriptions` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_status` ON `subscriptions` (`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_plan` ON `subscriptions` (`plan_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_plan_status` ON `subscriptions` (`plan_id`,`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_plan_id` ON `subscriptions` (`plan_id`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_due` ON `subscriptions` (`next_at`) WHERE next_at IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `subscriptions_trial` ON `subscriptions` (`user_id`,`plan_id`) WHERE trial_ends_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE `carts` ADD `currency` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `refunded_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `refunded_shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `base_currency` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `base_total_amount` integer;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate_at` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate_source` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `refunded_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `refunded_shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `disputed_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `fee_amount` integer;--> statement-breakpoint
ALTER TABLE `payments` ADD `gift_card_id` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `gift_card_last4` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `capture_ref` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `return_url` text;--> statement-breakpoint
CREATE UNIQUE INDEX `payments_capture_ref` ON `payments` (`provider`,`capture_ref`);--> statement-breakpoint
CREATE INDEX `payments_asked` ON `payments` (`id`) WHERE check_at IS NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `shipping_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `refunds` ADD `destination` text;--> statement-breakpoint
CREATE INDEX `refunds_gateway_ref` ON `refunds` (`gateway_ref`);--> statement-breakpoint
CREATE INDEX `refunds_asked` ON `refunds` (`id`) WHERE check_at IS NOT NULL;