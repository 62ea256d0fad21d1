(function () {
  "use strict";
  var home = document.querySelector(".flame");
  if (!home) return;
  var data = JSON.parse(document.getElementById("flame-data").textContent);
  var SVG = "http://www.w3.org/2000/svg";
  var ROW = 20, SMALLEST = 0.6, LETTER = 7.3;
  var KINDS = { user: "your code", driver: "database and drivers", framework: "framework", python: "standard library", other: "small parts put together", root: "endpoint" };
  var part = function (name) { return home.querySelector(".flame-" + name); };
  var box = part("box"), out = part("detail"), select = part("endpoint"), search = part("search"), found = part("found");
  var hint = out.textContent;
  var root = null, zoomed = null, current = null, groups = new Map();

  // ---- the tree: [name, microseconds, children, lines, chain] becomes objects with parents -------
  function grow(node, up, depth) {
    var name = data.names[node[0]];
    var made = { text: name[0], kind: name[1], total: node[1], lines: node[3] || [], chain: node[4] || [], up: up, depth: depth, kids: [] };
    made.kids = node[2].map(function (kid) { return grow(kid, made, depth + 1); });
    return made;
  }

  function label(node) {
    if (node.kind !== "user") return node.text;
    return node.text.slice(node.text.lastIndexOf(" ") + 1); // "file function"
  }

  function time(microseconds) {
    if (microseconds >= 1e6) return (microseconds / 1e6).toPrecision(3) + " s";
    return Number((microseconds / 1e3).toPrecision(3)) + " ms";
  }

  function share(part, whole) {
    return Number(((100 * part) / whole).toPrecision(part / whole < 0.0995 ? 2 : 3)) + " %";
  }

  function detail(node) {
    var own = node.kids.reduce(function (rest, kid) { return rest - kid.total; }, node.total);
    var lines = [node.text, KINDS[node.kind] + " · total " + time(node.total) + ", " + share(node.total, root.total) + " of the endpoint · own " + share(Math.max(0, own), root.total)];
    if (node.lines.length) {
      lines.push("lines: " + node.lines.map(function (one) { return one[0] + " (" + share(one[1], node.total) + ")"; }).join(", "));
    }
    if (node.chain.length) lines.push("then " + node.chain.join(" → "));
    return lines.join("\n");
  }

  // ---- drawing ----------------------------------------------------------------------------------
  function make(name, attributes) {
    var element = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { element.setAttribute(key, attributes[key]); });
    return element;
  }

  function matches(node) {
    var wanted = search.value.trim().toLowerCase();
    return wanted !== "" && (node.text + " " + node.chain.join(" ")).toLowerCase().indexOf(wanted) >= 0;
  }

  function drawNode(node, left, width, into) {
    var group = make("g", { "class": "flame-" + node.kind, tabindex: node === current ? "0" : "-1", role: "img", "aria-label": label(node) + ", " + share(node.total, root.total) });
    var y = node.depth * ROW;
    group.appendChild(make("rect", { x: left.toFixed(2), y: y, width: Math.max(0.5, width).toFixed(2), height: ROW, rx: 2 }));
    var room = Math.floor((width - 8) / LETTER), words = label(node);
    if (room >= 3) {
      var text = make("text", { x: (left + 4).toFixed(2), y: y + 14 });
      text.textContent = words.length > room ? words.slice(0, room - 1) + "…" : words;
      group.appendChild(text);
    }
    if (search.value.trim() && !matches(node)) group.classList.add("dim");
    group.__node = node;
    groups.set(node, group);
    into.appendChild(group);
  }

  function drawBelow(node, left, width, into) {
    drawNode(node, left, width, into);
    var at = left, deepest = node.depth;
    node.kids.forEach(function (kid) {
      var size = (width * kid.total) / node.total;
      if (size >= SMALLEST) deepest = Math.max(deepest, drawBelow(kid, at, size, into));
      at += size;
    });
    return deepest;
  }

  function draw() {
    var width = Math.max(160, box.clientWidth), svg = make("svg", { width: width });
    groups = new Map();
    for (var up = zoomed.up; up; up = up.up) drawNode(up, 0, width, svg);
    var deepest = drawBelow(zoomed, 0, width, svg);
    svg.setAttribute("height", (deepest + 1) * ROW);
    svg.setAttribute("viewBox", "0 0 " + width + " " + (deepest + 1) * ROW);
    box.textContent = "";
    box.appendChild(svg);
    if (!groups.has(current)) focusable(zoomed);
  }

  function focusable(node) {
    if (groups.has(current)) groups.get(current).setAttribute("tabindex", "-1");
    current = node;
    groups.get(node).setAttribute("tabindex", "0");
  }

  function zoom(node, andFocus) {
    zoomed = current = node;
    draw();
    if (andFocus) groups.get(node).focus();
    out.textContent = detail(node);
  }

  function tellMatches() {
    if (!search.value.trim()) { found.textContent = ""; return; }
    var total = 0;
    (function count(node) {
      if (matches(node)) total += node.total; // what it calls is inside of it
      else node.kids.forEach(count);
    })(root);
    found.textContent = share(total, root.total) + " in matches and what they call";
  }

  function show(number) {
    root = zoomed = current = grow(data.endpoints[number].tree, null, 0);
    draw();
    tellMatches();
    out.textContent = hint;
  }

  // ---- what the reader does -----------------------------------------------------------------------
  function at(event) {
    var group = event.target.closest("g");
    return group ? group.__node : null;
  }

  function beside(node, step) {
    if (!node.up) return null;
    var kids = node.up.kids.filter(function (kid) { return groups.has(kid); });
    return kids[kids.indexOf(node) + step];
  }

  var MOVES = {
    ArrowDown: function (node) { return node.kids.filter(function (kid) { return groups.has(kid); })[0]; },
    ArrowUp: function (node) { return node.up; },
    ArrowRight: function (node) { return beside(node, 1); },
    ArrowLeft: function (node) { return beside(node, -1); },
    Home: function () { return root; }
  };

  box.addEventListener("mouseover", function (event) {
    var node = at(event);
    if (node) out.textContent = detail(node);
  });
  box.addEventListener("focusin", function (event) {
    var node = at(event);
    if (!node) return;
    focusable(node);
    out.textContent = detail(node);
  });
  box.addEventListener("click", function (event) {
    var node = at(event);
    if (node) zoom(node, true);
  });
  box.addEventListener("keydown", function (event) {
    var node = at(event);
    if (!node) return;
    if (event.key === "Enter" || event.key === " ") zoom(node, true);
    else if (event.key === "Escape") zoom(zoomed.up || root, true);
    else {
      var to = MOVES[event.key] && MOVES[event.key](node);
      if (!to || !groups.has(to)) return;
      groups.get(to).focus();
    }
    event.preventDefault();
  });
  part("reset").addEventListener("click", function () { zoom(root, false); });
  search.addEventListener("input", function () { draw(); tellMatches(); });
  select.addEventListener("change", function () { show(select.selectedIndex); });

  var whole = data.endpoints.reduce(function (sum, one) { return sum + one.tree[1]; }, 0);
  data.endpoints.forEach(function (one) {
    var option = document.createElement("option");
    option.textContent = one.name + " · " + share(one.tree[1], whole || 1);
    select.appendChild(option);
  });
  home.hidden = false;
  show(0);
  var drawn = box.clientWidth;
  new ResizeObserver(function () {
    if (box.clientWidth === drawn) return;
    drawn = box.clientWidth;
    draw();
  }).observe(box);
})();
