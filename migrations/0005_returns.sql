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
ALTER TABLE `products` ADD `purchase_limit` integer;--> statement-breakpoint
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