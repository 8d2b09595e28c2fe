CREATE TABLE `promotion_codes` (
	`code` text PRIMARY KEY NOT NULL,
	`promotion_id` text NOT NULL,
	`usage_limit` integer,
	`used` integer NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`promotion_id`) REFERENCES `promotions`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "promotion_codes_uses_left" CHECK(used <= usage_limit)
);
--> statement-breakpoint
CREATE INDEX `promotion_codes_promotion` ON `promotion_codes` (`promotion_id`,`code`);--> statement-breakpoint
CREATE TABLE `promotion_customers` (
	`promotion_id` text NOT NULL,
	`customer` text NOT NULL,
	`usage_limit` integer,
	`used` integer NOT NULL,
	PRIMARY KEY(`promotion_id`, `customer`),
	CONSTRAINT "promotion_customers_uses_left" CHECK(used <= usage_limit)
);
--> statement-breakpoint
CREATE INDEX `promotion_customers_customer` ON `promotion_customers` (`customer`);--> statement-breakpoint
CREATE TABLE `promotion_uses` (
	`order_id` text NOT NULL,
	`promotion_id` text NOT NULL,
	`code` text,
	`user_id` text,
	`email` text NOT NULL,
	`discount_amount` integer NOT NULL,
	`created_at` text NOT NULL,
	`given_back_at` text,
	PRIMARY KEY(`order_id`, `promotion_id`),
	FOREIGN KEY (`promotion_id`) REFERENCES `promotions`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `promotion_uses_promotion` ON `promotion_uses` (`promotion_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `promotions` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`status` text NOT NULL,
	`code` text,
	`is_automatic` integer NOT NULL,
	`priority` integer NOT NULL,
	`is_combinable` integer NOT NULL,
	`conditions` text NOT NULL,
	`action` text NOT NULL,
	`starts_at` text,
	`ends_at` text,
	`usage_limit` integer,
	`usage_limit_per_customer` integer,
	`used` integer NOT NULL,
	`discounted_amount` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "promotions_uses_left" CHECK(used <= usage_limit),
	CONSTRAINT "promotions_used" CHECK(used >= 0)
);
--> statement-breakpoint
CREATE INDEX `promotions_created` ON `promotions` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `promotions_status` ON `promotions` (`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `promotions_automatic` ON `promotions` (`is_automatic`,`status`,`priority`,`id`);--> statement-breakpoint
CREATE TABLE `shipping_areas` (
	`country` text NOT NULL,
	`state` text NOT NULL,
	`postal_prefix` text NOT NULL,
	`zone_id` text NOT NULL,
	PRIMARY KEY(`country`, `state`, `postal_prefix`, `zone_id`),
	FOREIGN KEY (`zone_id`) REFERENCES `shipping_zones`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `shipping_areas_zone` ON `shipping_areas` (`zone_id`);--> statement-breakpoint
CREATE TABLE `shipping_methods` (
	`id` text PRIMARY KEY NOT NULL,
	`zone_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`type` text NOT NULL,
	`amount` integer NOT NULL,
	`steps` text NOT NULL,
	`free_from_amount` integer,
	`min_days` integer,
	`max_days` integer,
	`tax_class` text NOT NULL,
	`position` integer NOT NULL,
	`is_active` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`zone_id`) REFERENCES `shipping_zones`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `shipping_methods_zone` ON `shipping_methods` (`zone_id`,`position`,`id`);--> statement-breakpoint
CREATE INDEX `shipping_methods_created` ON `shipping_methods` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `shipping_methods_active` ON `shipping_methods` (`zone_id`) WHERE is_active = 1;--> statement-breakpoint
CREATE TABLE `shipping_zones` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `shipping_zones_created` ON `shipping_zones` (`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `tax_rates` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`tax_class` text NOT NULL,
	`country` text NOT NULL,
	`state` text NOT NULL,
	`postal_prefix` text NOT NULL,
	`priority` integer NOT NULL,
	`rate_ppm` integer NOT NULL,
	`is_compound` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "tax_rates_rate" CHECK(rate_ppm BETWEEN 0 AND 1000000)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tax_rates_area` ON `tax_rates` (`country`,`state`,`postal_prefix`,`tax_class`,`priority`);--> statement-breakpoint
CREATE INDEX `tax_rates_created` ON `tax_rates` (`created_at`,`id`);--> statement-breakpoint
ALTER TABLE `products` ADD `tax_class` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_email` ON `orders` (`email`);