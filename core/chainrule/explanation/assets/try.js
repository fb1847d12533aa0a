export function tryIt(place, model) {}
