ALTER TABLE `variants` ADD `low_margin` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `is_tracked` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `backorder_limit` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `variants` ADD `is_stocked` integer DEFAULT true NOT NULL;--> statement-breakpoint
CREATE INDEX `variants_stock` ON `variants` (`stock_quantity`,`id`) WHERE is_stocked = 1 AND removed_at IS NULL;--> statement-breakpoint
CREATE INDEX `variants_low` ON `variants` (`low_margin`,`id`) WHERE is_stocked = 1 AND removed_at IS NULL AND is_tracked = 1;