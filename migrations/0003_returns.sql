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