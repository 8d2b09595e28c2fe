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
ALTER TABLE `payments` ADD `gift_card_id` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `gift_card_last4` text;--> statement-breakpoint
ALTER TABLE `refunds` ADD `destination` text;