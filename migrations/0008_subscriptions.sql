CREATE TABLE `payment_customers` (
	`user_id` text NOT NULL,
	`provider` text NOT NULL,
	`ref` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`user_id`, `provider`),
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
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
CREATE UNIQUE INDEX `subscriptions_trial` ON `subscriptions` (`user_id`,`plan_id`) WHERE trial_ends_at IS NOT NULL;