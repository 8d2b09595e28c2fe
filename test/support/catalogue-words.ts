const list = (text: string) => text.trim().split(/\s+/)

/** What the names and texts of made products are made of. */
export const words = {
  departments: list(
    "Kitchen Garden Office Travel Music Sports Lighting Bathroom Workshop Nursery Outdoors Clothing",
  ),
  adjectives: list(`
    compact wireless portable adjustable foldable durable lightweight waterproof classic modern vintage premium
    ergonomic insulated rechargeable magnetic reversible breathable stackable washable handmade organic recycled
    silent flexible heavy slim wide tall round square oval striped checked quilted padded heated cooling digital
    analogue automatic manual electric solar cordless smart travel family mini grand double triple single sturdy
    elegant rustic nordic tropical alpine coastal urban`),
  materials: list(`
    cotton leather bamboo steel aluminium ceramic glass linen wool oak walnut copper brass silicone rubber canvas
    denim silk marble granite titanium carbon plastic acrylic cork felt velvet suede porcelain enamel rattan jute
    hemp pine maple birch concrete stainless bronze pewter`),
  nouns: list(`
    kettle teapot mug bowl plate pan skillet knife spoon fork ladle grater whisk toaster blender mixer juicer oven
    lamp lantern candle chandelier bulb torch desk chair stool bench shelf cabinet drawer wardrobe mirror clock
    frame vase basket tray rug curtain cushion blanket pillow duvet mattress towel bathrobe soap sponge brush comb
    razor umbrella backpack suitcase satchel wallet purse belt scarf glove mitten sock boot sandal slipper sneaker
    jacket coat sweater cardigan shirt trouser skirt dress apron helmet goggle racket paddle kayak tent hammock
    compass binocular telescope camera tripod speaker headphone microphone keyboard monitor printer scanner router
    charger cable adapter battery drill hammer wrench screwdriver saw chisel pliers ladder shovel rake hose sprinkler
    planter trellis mower notebook pencil marker eraser stapler calendar envelope puzzle guitar violin trumpet drum
    piano flute`),
  phrases: [
    "made for every day",
    "with a guarantee of two years",
    "easy to clean and to store",
    "a gift for anybody",
    "tested by hand before it leaves",
    "small enough for any room",
    "with replaceable parts",
    "quiet in use",
    "that lasts for decades",
    "delivered without plastic",
  ],
  colours: list(
    "black white graphite coral navy olive sand teal burgundy mustard lavender sage rose amber",
  ),
  countries: list("Portugal Italy Japan Kenya Denmark Poland India Mexico Canada Finland"),
}
