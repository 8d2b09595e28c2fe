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
CREATE INDEX `order_lines_sku` ON `order_lines` (`sku`,`order_id`);--> statement-breakpoint
CREATE INDEX `orders_payment` ON `orders` (`payment_status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `orders_states` ON `orders` (`status`,`payment_status`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `orders_user_total` ON `orders` (`user_id`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_total` ON `orders` (`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_status_total` ON `orders` (`status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_payment_total` ON `orders` (`payment_status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_states_total` ON `orders` (`status`,`payment_status`,`total_amount`,`id`);--> statement-breakpoint
CREATE INDEX `orders_email` ON `orders` (lower("email"),`created_at`);--> statement-breakpoint
CREATE INDEX `orders_recipient` ON `orders` (lower("shipping_address" ->> 'last_name'));