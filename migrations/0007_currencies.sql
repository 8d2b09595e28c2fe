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
ALTER TABLE `carts` ADD `currency` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `base_currency` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `base_total_amount` integer;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate_at` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `exchange_rate_source` text;