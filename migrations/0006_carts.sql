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
ALTER TABLE `carts` ADD `email` text;--> statement-breakpoint
ALTER TABLE `carts` ADD `coupons` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `carts` ADD `swept_at` text;--> statement-breakpoint
CREATE INDEX `carts_idle` ON `carts` (`updated_at`) WHERE status = 'open' AND swept_at IS NULL AND (user_id IS NOT NULL OR email IS NOT NULL);--> statement-breakpoint
CREATE INDEX `carts_of_guests` ON `carts` (`updated_at`) WHERE user_id IS NULL AND status <> 'ordered';--> statement-breakpoint
CREATE INDEX `carts_ordered` ON `carts` (`updated_at`) WHERE status = 'ordered';--> statement-breakpoint
CREATE INDEX `carts_email` ON `carts` (`email`) WHERE email IS NOT NULL;