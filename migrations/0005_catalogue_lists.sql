CREATE TABLE `catalog_version` (
	`id` integer PRIMARY KEY NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `facets` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`draft` integer DEFAULT 0 NOT NULL,
	`active` integer DEFAULT 0 NOT NULL,
	`archived` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `facets_name` ON `facets` (`name`);--> statement-breakpoint
CREATE TABLE `listings` (
	`product_id` text NOT NULL,
	`facet_id` integer NOT NULL,
	`status` text NOT NULL,
	`name` text NOT NULL,
	`price_amount` integer NOT NULL,
	`price_down` integer GENERATED ALWAYS AS ((-price_amount)) VIRTUAL,
	`average_rating` real NOT NULL,
	`created_at` text NOT NULL,
	`category_name` text NOT NULL,
	PRIMARY KEY(`product_id`, `facet_id`)
);
--> statement-breakpoint
CREATE INDEX `listings_created` ON `listings` (`facet_id`,`status`,`created_at`,`product_id`);--> statement-breakpoint
CREATE INDEX `listings_price` ON `listings` (`facet_id`,`status`,`price_amount`,`product_id`);--> statement-breakpoint
CREATE INDEX `listings_name` ON `listings` (`facet_id`,`status`,`name`,`product_id`);--> statement-breakpoint
CREATE INDEX `listings_rating` ON `listings` (`facet_id`,`status`,`average_rating`,`product_id`);--> statement-breakpoint
CREATE INDEX `listings_category` ON `listings` (`facet_id`,`status`,`category_name`,`product_id`);--> statement-breakpoint
CREATE INDEX `listings_category_price` ON `listings` (`status`,`category_name`,`price_amount`,`product_id`) WHERE facet_id = 1;--> statement-breakpoint
CREATE INDEX `listings_category_price_down` ON `listings` (`status`,`category_name`,`price_down`,`product_id`) WHERE facet_id = 1;--> statement-breakpoint
CREATE TABLE `old_slugs` (
	`kind` text NOT NULL,
	`slug` text NOT NULL,
	`target_id` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`kind`, `slug`)
);
--> statement-breakpoint
CREATE INDEX `old_slugs_target` ON `old_slugs` (`kind`,`target_id`);--> statement-breakpoint
DROP INDEX `products_status_created`;--> statement-breakpoint
DROP INDEX `products_status_price`;--> statement-breakpoint
DROP INDEX `products_status_name`;--> statement-breakpoint
DROP INDEX `products_status_rating`;--> statement-breakpoint
DROP INDEX `products_created`;--> statement-breakpoint
DROP INDEX `products_featured`;--> statement-breakpoint
DROP INDEX `products_category`;--> statement-breakpoint
DROP INDEX `products_brand`;--> statement-breakpoint
ALTER TABLE `products` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `products_category` ON `products` (`category_id`,`id`);--> statement-breakpoint
CREATE INDEX `products_brand` ON `products` (`brand_id`,`id`);--> statement-breakpoint
ALTER TABLE `brands` ADD `description` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `brands` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `brands_by_name` ON `brands` (`name`,`id`);--> statement-breakpoint
CREATE INDEX `brands_created` ON `brands` (`created_at`,`id`);--> statement-breakpoint
ALTER TABLE `categories` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `version` integer DEFAULT 1 NOT NULL;