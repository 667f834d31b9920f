/* Runs before the first paint: puts the chosen theme on <html>, so that nothing flashes.
   The choice is light, dark or auto (follow the system); auto is what nobody chose. */
(function () {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const read = () => { try { return localStorage.getItem("fw-theme") || "auto"; } catch (error) { return "auto"; } };
  const apply = () => {
    const choice = read();
    root.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    root.dataset.fwChoice = choice;
    document.dispatchEvent(new CustomEvent("fw:theme"));
  };
  apply();
  system.addEventListener("change", apply);
  // Paper is white: what is printed is printed light, charts too.
  window.addEventListener("beforeprint", () => { root.dataset.bsTheme = "light"; document.dispatchEvent(new CustomEvent("fw:theme")); });
  window.addEventListener("afterprint", apply);
  window.FlywheelTheme = {
    choose(choice) {
      try { if (choice === "auto") localStorage.removeItem("fw-theme"); else localStorage.setItem("fw-theme", choice); } catch (error) { /* storage may be off: the choice lasts for this page */ }
      apply();
      if (read() !== choice) { root.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice; root.dataset.fwChoice = choice; document.dispatchEvent(new CustomEvent("fw:theme")); }
    },
  };
})();
