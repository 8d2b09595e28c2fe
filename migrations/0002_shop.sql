CREATE TABLE `cart_abandonments` (
	`id` text PRIMARY KEY NOT NULL,
	`cart_id` text NOT NULL,
	`idle_since` text NOT NULL,
	`user_id` text,
	`email` text,
	`items` integer NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	`token_hash` text NOT NULL,
	`created_at` text NOT NULL,
	`recovered_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `cart_abandonments_once` ON `cart_abandonments` (`cart_id`,`idle_since`);--> statement-breakpoint
CREATE UNIQUE INDEX `cart_abandonments_token` ON `cart_abandonments` (`token_hash`);--> statement-breakpoint
CREATE INDEX `cart_abandonments_created` ON `cart_abandonments` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `cart_abandonments_lost` ON `cart_abandonments` (`created_at`,`id`) WHERE recovered_at IS NULL;--> statement-breakpoint
CREATE INDEX `cart_abandonments_recovered` ON `cart_abandonments` (`created_at`,`id`) WHERE recovered_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `cart_abandonments_user` ON `cart_abandonments` (`user_id`);--> statement-breakpoint
CREATE INDEX `cart_abandonments_email` ON `cart_abandonments` (`email`) WHERE email IS NOT NULL;--> statement-breakpoint
CREATE TABLE `saved_items` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text,
	`token_hash` text,
	`product_id` text NOT NULL,
	`variant_id` text NOT NULL,
	`quantity` integer NOT NULL,
	`added_amount` integer NOT NULL,
	`overflow` integer NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "saved_items_owner" CHECK((user_id IS NULL) <> (token_hash IS NULL)),
	CONSTRAINT "saved_items_quantity" CHECK(quantity >= 1)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `saved_items_user` ON `saved_items` (`user_id`,`variant_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `saved_items_token` ON `saved_items` (`token_hash`,`variant_id`);--> statement-breakpoint
CREATE INDEX `saved_items_product` ON `saved_items` (`product_id`);--> statement-breakpoint
CREATE INDEX `saved_items_of_guests` ON `saved_items` (`created_at`) WHERE token_hash IS NOT NULL;--> statement-breakpoint
CREATE TABLE `wishlist_items` (
	`user_id` text NOT NULL,
	`product_id` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`user_id`, `product_id`),
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `wishlist_items_created` ON `wishlist_items` (`user_id`,`created_at`,`product_id`);--> statement-breakpoint
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
CREATE TABLE `import_keys` (
	`import_id` text NOT NULL,
	`key` text NOT NULL,
	`line` integer NOT NULL,
	PRIMARY KEY(`import_id`, `key`)
);
--> statement-breakpoint
CREATE TABLE `import_lines` (
	`import_id` text NOT NULL,
	`line` integer NOT NULL,
	`record_id` text,
	`outcome` text NOT NULL,
	`said` text NOT NULL,
	PRIMARY KEY(`import_id`, `line`)
);
--> statement-breakpoint
CREATE INDEX `import_lines_outcome` ON `import_lines` (`import_id`,`outcome`,`line`);--> statement-breakpoint
CREATE TABLE `imports` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`status` text NOT NULL,
	`format` text NOT NULL,
	`mode` text NOT NULL,
	`dry_run` integer NOT NULL,
	`key` text NOT NULL,
	`bytes` integer NOT NULL,
	`delimiter` text NOT NULL,
	`columns` text NOT NULL,
	`position` integer NOT NULL,
	`line` integer NOT NULL,
	`created` integer NOT NULL,
	`updated` integer NOT NULL,
	`unchanged` integer NOT NULL,
	`skipped` integer NOT NULL,
	`failed` integer NOT NULL,
	`attempts` integer NOT NULL,
	`error` text,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`finished_at` text
);
--> statement-breakpoint
CREATE INDEX `imports_created` ON `imports` (`created_at`,`id`);--> statement-breakpoint
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
CREATE TABLE `order_references` (
	`caller` text NOT NULL,
	`reference` text NOT NULL,
	`order_id` text NOT NULL,
	`fingerprint` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`caller`, `reference`)
);
--> statement-breakpoint
CREATE INDEX `order_references_order` ON `order_references` (`order_id`);--> statement-breakpoint
CREATE TABLE `purchase_counts` (
	`product_id` text NOT NULL,
	`customer` text NOT NULL,
	`quantity` integer NOT NULL,
	`most` integer NOT NULL,
	PRIMARY KEY(`product_id`, `customer`),
	CONSTRAINT "purchase_counts_limit" CHECK(quantity >= 0 AND quantity <= most)
);
--> statement-breakpoint
CREATE TABLE `purchases` (
	`order_id` text NOT NULL,
	`product_id` text NOT NULL,
	`customer` text NOT NULL,
	`quantity` integer NOT NULL,
	PRIMARY KEY(`order_id`, `product_id`)
);
--> statement-breakpoint
CREATE TABLE `fulfilment_lines` (
	`fulfilment_id` text NOT NULL,
	`line_id` text NOT NULL,
	`order_id` text NOT NULL,
	`quantity` integer NOT NULL,
	PRIMARY KEY(`fulfilment_id`, `line_id`),
	FOREIGN KEY (`fulfilment_id`) REFERENCES `fulfilments`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "fulfilment_lines_quantity" CHECK(quantity > 0)
);
--> statement-breakpoint
CREATE INDEX `fulfilment_lines_order` ON `fulfilment_lines` (`order_id`);--> statement-breakpoint
CREATE TABLE `fulfilments` (
	`id` text PRIMARY KEY NOT NULL,
	`order_id` text NOT NULL,
	`status` text NOT NULL,
	`carrier` text,
	`tracking_number` text,
	`tracking_url` text,
	`estimated_delivery` text,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`delivered_at` text,
	`cancelled_at` text,
	FOREIGN KEY (`order_id`) REFERENCES `orders`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `fulfilments_order` ON `fulfilments` (`order_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `order_notes` (
	`id` text PRIMARY KEY NOT NULL,
	`order_id` text NOT NULL,
	`text` text NOT NULL,
	`is_public` integer NOT NULL,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	FOREIGN KEY (`order_id`) REFERENCES `orders`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `order_notes_order` ON `order_notes` (`order_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `order_stats` (
	`period` text NOT NULL,
	`currency` text NOT NULL,
	`status` text NOT NULL,
	`payment_status` text NOT NULL,
	`orders` integer NOT NULL,
	`total_amount` integer NOT NULL,
	`paid_amount` integer NOT NULL,
	`refunded_amount` integer NOT NULL,
	PRIMARY KEY(`period`, `currency`, `status`, `payment_status`)
);
--> statement-breakpoint
CREATE TABLE `product_sales` (
	`product_id` text NOT NULL,
	`currency` text NOT NULL,
	`quantity` integer NOT NULL,
	`amount` integer NOT NULL,
	PRIMARY KEY(`product_id`, `currency`)
);
--> statement-breakpoint
CREATE INDEX `product_sales_best` ON `product_sales` (`currency`,`quantity`,`product_id`);--> statement-breakpoint
CREATE TABLE `return_lines` (
	`return_id` text NOT NULL,
	`order_line_id` text NOT NULL,
	`quantity` integer NOT NULL,
	`accepted_quantity` integer,
	`restock` integer NOT NULL,
	`amount` integer NOT NULL,
	PRIMARY KEY(`return_id`, `order_line_id`),
	FOREIGN KEY (`return_id`) REFERENCES `returns`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`order_line_id`) REFERENCES `order_lines`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "return_lines_quantity" CHECK(quantity > 0 AND (accepted_quantity IS NULL OR accepted_quantity BETWEEN 0 AND quantity))
);
--> statement-breakpoint
CREATE INDEX `return_lines_line` ON `return_lines` (`order_line_id`);--> statement-breakpoint
CREATE TABLE `returns` (
	`id` text PRIMARY KEY NOT NULL,
	`order_id` text NOT NULL,
	`number` text NOT NULL,
	`status` text NOT NULL,
	`reason` text NOT NULL,
	`comment` text NOT NULL,
	`note` text NOT NULL,
	`refund_amount` integer NOT NULL,
	`shipping_amount` integer NOT NULL,
	`exchange_order_id` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`approved_at` text,
	`received_at` text,
	`closed_at` text,
	FOREIGN KEY (`order_id`) REFERENCES `orders`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "returns_amounts" CHECK(shipping_amount >= 0 AND refund_amount >= 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `returns_number` ON `returns` (`number`);--> statement-breakpoint
CREATE INDEX `returns_order` ON `returns` (`order_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `returns_created` ON `returns` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `returns_status` ON `returns` (`status`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `gateway_events` (
	`provider` text NOT NULL,
	`event_id` text NOT NULL,
	`payment_id` text,
	`kind` text NOT NULL,
	`outcome` text NOT NULL,
	`reason` text,
	`news` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`provider`, `event_id`)
);
--> statement-breakpoint
CREATE INDEX `gateway_events_payment` ON `gateway_events` (`payment_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `gateway_events_quarantined` ON `gateway_events` (`created_at`) WHERE outcome = 'quarantined';--> statement-breakpoint
CREATE TABLE `payments` (
	`id` text PRIMARY KEY NOT NULL,
	`reference` text NOT NULL,
	`provider` text NOT NULL,
	`status` text NOT NULL,
	`currency` text NOT NULL,
	`amount` integer NOT NULL,
	`captured_amount` integer NOT NULL,
	`refunded_amount` integer NOT NULL,
	`capture` text NOT NULL,
	`gateway_ref` text,
	`action` text,
	`failure` text,
	`user_id` text,
	`token_hash` text,
	`void_requested_at` text,
	`told_at` text,
	`check_at` text,
	`checks` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	CONSTRAINT "payments_amounts" CHECK(amount > 0 AND refunded_amount >= 0 AND refunded_amount <= captured_amount AND captured_amount <= amount)
);
--> statement-breakpoint
CREATE INDEX `payments_reference` ON `payments` (`reference`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `payments_user` ON `payments` (`user_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `payments_created` ON `payments` (`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `payments_status` ON `payments` (`status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `payments_provider` ON `payments` (`provider`,`created_at`,`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `payments_gateway_ref` ON `payments` (`provider`,`gateway_ref`);--> statement-breakpoint
CREATE UNIQUE INDEX `payments_open` ON `payments` (`reference`,`provider`) WHERE status = 'unpaid' AND void_requested_at IS NULL;--> statement-breakpoint
CREATE INDEX `payments_due` ON `payments` (`check_at`) WHERE check_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `refunds` (
	`id` text PRIMARY KEY NOT NULL,
	`key` text NOT NULL,
	`payment_id` text NOT NULL,
	`reference` text NOT NULL,
	`status` text NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	`reason` text NOT NULL,
	`gateway_ref` text,
	`failure` text,
	`check_at` text,
	`checks` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`payment_id`) REFERENCES `payments`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "refunds_amount" CHECK(amount > 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `refunds_key` ON `refunds` (`key`,`payment_id`);--> statement-breakpoint
CREATE INDEX `refunds_payment` ON `refunds` (`payment_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `refunds_reference` ON `refunds` (`reference`,`created_at`);--> statement-breakpoint
CREATE INDEX `refunds_due` ON `refunds` (`check_at`) WHERE check_at IS NOT NULL;--> statement-breakpoint
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
CREATE TABLE `synonym_phrases` (
	`phrase` text NOT NULL,
	`synonym_id` text NOT NULL,
	PRIMARY KEY(`phrase`, `synonym_id`),
	FOREIGN KEY (`synonym_id`) REFERENCES `synonyms`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `synonym_phrases_synonym` ON `synonym_phrases` (`synonym_id`);--> statement-breakpoint
CREATE TABLE `synonyms` (
	`id` text PRIMARY KEY NOT NULL,
	`source` text,
	`terms` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `synonyms_created` ON `synonyms` (`created_at`,`id`);--> statement-breakpoint
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
CREATE TABLE `leases` (
	`name` text PRIMARY KEY NOT NULL,
	`holder` text NOT NULL,
	`until` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `loose_objects` (
	`key` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `loose_objects_due` ON `loose_objects` (`reason`,`created_at`);--> statement-breakpoint
DROP INDEX `products_status_created`;--> statement-breakpoint
DROP INDEX `products_status_price`;--> statement-breakpoint
DROP INDEX `products_status_name`;--> statement-breakpoint
DROP INDEX `products_status_rating`;--> statement-breakpoint
DROP INDEX `products_created`;--> statement-breakpoint
DROP INDEX `products_featured`;--> statement-breakpoint
DROP INDEX `products_category`;--> statement-breakpoint
DROP INDEX `products_brand`;--> statement-breakpoint
ALTER TABLE `products` ADD `purchase_limit` integer;--> statement-breakpoint
ALTER TABLE `products` ADD `tax_class` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
ALTER TABLE `products` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `products_category` ON `products` (`category_id`,`id`);--> statement-breakpoint
CREATE INDEX `products_brand` ON `products` (`brand_id`,`id`);--> statement-breakpoint
ALTER TABLE `carts` ADD `email` text;--> statement-breakpoint
ALTER TABLE `carts` ADD `coupons` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `carts` ADD `swept_at` text;--> statement-breakpoint
CREATE INDEX `carts_idle` ON `carts` (`updated_at`) WHERE status = 'open' AND swept_at IS NULL AND (user_id IS NOT NULL OR email IS NOT NULL);--> statement-breakpoint
CREATE INDEX `carts_of_guests` ON `carts` (`updated_at`) WHERE user_id IS NULL AND status <> 'ordered';--> statement-breakpoint
CREATE INDEX `carts_ordered` ON `carts` (`updated_at`) WHERE status = 'ordered';--> statement-breakpoint
CREATE INDEX `carts_email` ON `carts` (`email`) WHERE email IS NOT NULL;--> statement-breakpoint
ALTER TABLE `brands` ADD `description` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `brands` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `brands_by_name` ON `brands` (`name`,`id`);--> statement-breakpoint
CREATE INDEX `brands_created` ON `brands` (`created_at`,`id`);--> statement-breakpoint
ALTER TABLE `categories` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `media` ADD `kind` text DEFAULT 'image' NOT NULL;--> statement-breakpoint
ALTER TABLE `media` ADD `variant_id` text;--> statement-breakpoint
ALTER TABLE `media` ADD `width` integer;--> statement-breakpoint
ALTER TABLE `media` ADD `height` integer;--> statement-breakpoint
ALTER TABLE `variants` ADD `low_margin` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `is_tracked` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `backorder_limit` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `is_stocked` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
CREATE INDEX `variants_stock` ON `variants` (`stock_quantity`,`id`) WHERE is_stocked = 1 AND removed_at IS NULL;--> statement-breakpoint
CREATE INDEX `variants_low` ON `variants` (`low_margin`,`id`) WHERE is_stocked = 1 AND removed_at IS NULL AND is_tracked = 1;--> statement-breakpoint
ALTER TABLE `order_lines` ADD `included_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `order_lines` ADD `taxes` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `order_lines` ADD `is_digital` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `order_lines` ADD `fulfilled_quantity` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `order_lines` ADD `returned_quantity` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `order_lines_sku` ON `order_lines` (`sku`,`order_id`);--> statement-breakpoint
ALTER TABLE `orders` ADD `included_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `shipping_tax_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `shipping_method` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `coupons` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `explain` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `paid_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `refunded_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `orders` ADD `pay_by` text;--> statement-breakpoint
ALTER TABLE `orders` ADD `reduced_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `orders_email` ON `orders` (`email`);--> statement-breakpoint
CREATE INDEX `orders_payment` ON `orders` (`payment_status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `orders_states` ON `orders` (`status`,`payment_status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `orders_user_total` ON `orders` (`user_id`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_total` ON `orders` (`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_status_total` ON `orders` (`status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_payment_total` ON `orders` (`payment_status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_states_total` ON `orders` (`status`,`payment_status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_email_prefix` ON `orders` (lower("email"),`created_at`);--> statement-breakpoint
CREATE INDEX `orders_recipient` ON `orders` (lower("shipping_address" ->> 'last_name'));--> statement-breakpoint
CREATE INDEX `orders_pay_by` ON `orders` (`pay_by`) WHERE status = 'pending' AND pay_by IS NOT NULL;