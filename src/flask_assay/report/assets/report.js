(function () {
  "use strict";
  var root = document.documentElement;
  var all = function (selector, from) {
    return Array.prototype.slice.call((from || document).querySelectorAll(selector));
  };

  // ---- theme: system, light, dark -------------------------------------------------------------
  var themes = ["system", "light", "dark"];
  var themeButton = document.querySelector(".theme");
  var redraw = [];

  function storedTheme() {
    try {
      return localStorage.getItem("assay-theme");
    } catch (error) {
      return null; // storage may be forbidden for a file
    }
  }

  function setTheme(name) {
    if (themes.indexOf(name) < 0) name = "system";
    if (name === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", name);
    themeButton.textContent = "Theme: " + name;
    themeButton.value = name;
    redraw.forEach(function (draw) { draw(); });
  }

  themeButton.hidden = false;
  themeButton.addEventListener("click", function () {
    var next = themes[(themes.indexOf(themeButton.value) + 1) % themes.length];
    try {
      localStorage.setItem("assay-theme", next);
    } catch (error) {
      // the choice then lasts as long as the page
    }
    setTheme(next);
  });

  // ---- copy -----------------------------------------------------------------------------------
  function said(button, word) {
    button.textContent = word;
    setTimeout(function () { button.textContent = "Copy"; }, 1600);
  }

  function selectAndCopy(element, button) {
    var range = document.createRange();
    range.selectNodeContents(element);
    var selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    said(button, document.execCommand("copy") ? "Copied" : "Press Ctrl+C");
  }

  all(".copy").forEach(function (button) {
    var source = button.parentNode.querySelector("code");
    button.hidden = false;
    button.addEventListener("click", function () {
      if (!navigator.clipboard) return selectAndCopy(source, button);
      navigator.clipboard.writeText(source.textContent).then(
        function () { said(button, "Copied"); },
        function () { selectAndCopy(source, button); }
      );
    });
  });

  // ---- sortable tables ------------------------------------------------------------------------
  function valueOf(row, column, kind) {
    var cell = row.children[column];
    var text = cell.getAttribute("data-value");
    if (text === null) text = cell.textContent;
    if (kind === "text") return text;
    var number = parseFloat(text);
    return isNaN(number) ? -Infinity : number;
  }

  function sortBy(table, header, column) {
    var kind = header.getAttribute("data-sort");
    var falls = header.getAttribute("aria-sort") !== "descending";
    if (kind === "text") falls = header.getAttribute("aria-sort") === "ascending";
    all("th[aria-sort]", table).forEach(function (th) { th.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", falls ? "descending" : "ascending");
    var body = table.tBodies[0];
    Array.prototype.slice
      .call(body.rows)
      .sort(function (a, b) {
        var x = valueOf(a, column, kind), y = valueOf(b, column, kind);
        var order = x < y ? -1 : x > y ? 1 : 0;
        return falls ? -order : order;
      })
      .forEach(function (row) { body.appendChild(row); });
  }

  all("table.sortable").forEach(function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header, column) {
      if (!header.hasAttribute("data-sort")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.textContent = "";
      header.appendChild(button);
      button.addEventListener("click", function () { sortBy(table, header, column); });
    });
  });

  // ---- waterfall: what the pointer or the focus is on -----------------------------------------
  all(".waterfall").forEach(function (figure) {
    var out = figure.querySelector(".pick");
    out.hidden = false;
    function show(event) {
      var row = event.target.closest("[data-detail]");
      if (row) out.textContent = row.getAttribute("data-detail");
    }
    figure.addEventListener("mouseover", show);
    figure.addEventListener("focusin", show);
    figure.addEventListener("keydown", function (event) {
      var row = event.target.closest("[data-detail]");
      var step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
      if (!row || !step || !row[step]) return;
      event.preventDefault();
      row[step].focus();
    });
  });

  // ---- folded parts: open what a link points to, and everything for paper ----------------------
  function openTarget() {
    var target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch (error) {
      return; // not an address of ours
    }
    if (!target) return;
    var inner = target.querySelector(":scope > details");
    if (inner) inner.open = true;
    for (var up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", openTarget);
  if (location.hash) openTarget();

  var opened = [];
  addEventListener("beforeprint", function () {
    opened = all("details:not([open])");
    opened.forEach(function (details) { details.open = true; });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (details) { details.open = false; });
  });

  // ---- charts -----------------------------------------------------------------------------------
  var DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [], [7, 4], [2, 3], [9, 3, 2, 3]];

  function color(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function short(value) {
    var size = Math.abs(value);
    if (size >= 1e6) return (value / 1e6).toPrecision(3).replace(/\.?0+$/, "") + " M";
    if (size >= 1e4) return (value / 1e3).toPrecision(3).replace(/\.?0+$/, "") + " k";
    return String(parseFloat(value.toPrecision(4)));
  }

  function axis(scale, extra) {
    var ink = color("--muted"), line = color("--line");
    return Object.assign(
      {
        scale: scale,
        stroke: ink,
        font: "12px " + getComputedStyle(document.body).fontFamily,
        grid: { stroke: line, width: 1 },
        ticks: { stroke: line, width: 1, size: 4 },
        values: function (plot, values) { return values.map(function (v) { return v === null ? "" : short(v); }); }
      },
      extra
    );
  }

  function fromZero(plot, low, high) {
    if (low === null || high === null) return [0, 1];
    return [Math.min(0, low), high > 0 ? high * 1.08 : 1];
  }

  function options(chart, cells, width) {
    var hasRight = chart.lines.some(function (line) { return line.right; });
    return {
      width: width,
      height: 220,
      legend: { show: false },
      padding: [8, hasRight ? 0 : 12, 0, 0],
      cursor: { y: false, drag: { x: true, y: false, uni: 20 }, sync: { key: "assay" }, points: { size: 6 } },
      scales: {
        x: { time: false },
        y: { range: fromZero },
        right: { range: fromZero }
      },
      axes: [axis("x", { size: 30 }), axis("y", { size: 52 })].concat(
        hasRight ? [axis("right", { side: 1, size: 44, grid: { show: false } })] : []
      ),
      series: [{}].concat(
        chart.lines.map(function (line) {
          return {
            label: line.name,
            scale: line.right ? "right" : "y",
            stroke: color("--line-" + (line.style % 8)),
            width: 1.75,
            dash: DASHES[line.style % 8],
            points: { show: chart.t.length < 3 },
            spanGaps: false
          };
        })
      ),
      hooks: {
        setCursor: [function (plot) {
          var at = plot.cursor.idx;
          cells.forEach(function (cell, i) {
            var value = at === null || at === undefined ? null : plot.data[i + 1][at];
            cell.textContent = value === null || value === undefined ? "" : short(value);
          });
        }]
      }
    };
  }

  function draw(box, chart) {
    var cells = all("tbody .now", box.parentNode);
    var data = [chart.t].concat(chart.lines.map(function (line) { return line.values; }));
    var plot = null;
    function make() {
      if (plot) plot.destroy();
      plot = new uPlot(options(chart, cells, Math.max(160, box.clientWidth)), data, box);
    }
    make();
    redraw.push(make);
    new ResizeObserver(function () {
      var width = Math.max(160, box.clientWidth);
      if (plot.width !== width) plot.setSize({ width: width, height: 220 });
    }).observe(box);
  }

  var charts = JSON.parse(document.getElementById("chart-data").textContent);
  all(".chart").forEach(function (box) {
    draw(box, charts[Number(box.getAttribute("data-chart"))]);
  });
  setTheme(storedTheme());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    redraw.forEach(function (again) { again(); });
  });
  root.setAttribute("data-ready", "true");
})();
