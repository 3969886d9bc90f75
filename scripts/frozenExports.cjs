// A loader for webpack. What a bundle of workflows preloads is frozen through and through by the Temporal SDK, and a schema of zod works
// itself out as it is used. It stops at what is frozen already: so a module's exports are, and the schemas in them are left alone.
module.exports = function frozenExports(source, map) {
  // With the map of the compiler before, or a debugger would stop in what that made of the source.
  this.callback(null, `${source}\nObject.freeze(__webpack_exports__);`, map);
};
