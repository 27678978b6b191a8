package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/distillmesh/distillmesh/distill/trial"
)

// of are the accuracies of an architecture in the runs of a method and a cap.
func of(runs []Run, method string, most int, name string) (out []float64) {
	for _, r := range runs {
		if a, ok := r.Accuracy[name]; ok && r.Method == method && r.Cap == most {
			out = append(out, a)
		}
	}
	return out
}

// report prints accuracies, and the histograms of the compared step.
func (b *bench) report(runs []Run) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	names := append(b.models[:len(b.models):len(b.models)], b.others...)
	fmt.Fprintf(w, "accuracy in %%\tcap\t%s\ts\n", strings.Join(names, "\t"))
	line := func(method string, most int) {
		fmt.Fprintf(w, "%s\t%d", method, most)
		for _, name := range names {
			x := of(runs, method, most, name)
			if len(x) == 0 {
				fmt.Fprint(w, "\t")
				continue
			}
			s := trial.SpreadOf(x)
			fmt.Fprintf(w, "\t%.1f +-%.1f [%d]", s.Mean, s.Std, s.N)
		}
		seconds, n := 0.0, 0.0
		for _, r := range runs {
			if r.Method == method && r.Cap == most {
				seconds, n = seconds+r.Seconds, n+1
			}
		}
		fmt.Fprintf(w, "\t%.0f\n", seconds/n)
	}
	line("random", 0)
	for _, most := range b.caps {
		for _, m := range b.methods {
			line(m, most)
		}
	}
	w.Flush()
	fmt.Println("\nshare of iterations in % by where the compared step lies below the cap, tenth by tenth")
	for _, m := range b.methods {
		for _, most := range b.caps {
			var tenths [10]int
			total := 0
			for _, r := range runs {
				if r.Method != m || r.Cap != most {
					continue
				}
				for step, n := range r.Nearest {
					if step > 0 {
						tenths[(10*step-1)/most%10] += n
						total += n
					}
				}
			}
			fmt.Printf("%-6s cap %3d ", m, most)
			for _, n := range tenths {
				fmt.Printf(" %5.1f", 100*float64(n)/float64(max(1, total)))
			}
			fmt.Println()
		}
	}
}

// plotCaps draws the accuracy of one architecture over the cap, mean and spread.
func plotCaps(path string, runs []Run, caps []int, methods []string, name string) error {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "steps of a student, at most", "accuracy of "+name+" in %"
	var ticks plot.ConstantTicks
	for _, n := range caps {
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: strconv.Itoa(n)})
	}
	p.X.Scale, p.X.Tick.Marker, p.X.Padding = plot.LogScale{}, ticks, 0
	p.Legend.Top = true
	for i, m := range methods {
		var points plotter.XYs
		var spread plotter.YErrors
		for _, most := range caps {
			x := of(runs, m, most, name)
			if len(x) == 0 {
				continue
			}
			s := trial.SpreadOf(x)
			points = append(points, plotter.XY{X: float64(most), Y: s.Mean})
			spread = append(spread, struct{ Low, High float64 }{s.Std, s.Std})
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		bars, err := plotter.NewYErrorBars(struct {
			plotter.XYer
			plotter.YErrorer
		}{points, spread})
		if err != nil {
			return err
		}
		line.Color, marks.Color, bars.Color = plotutil.Color(i), plotutil.Color(i), plotutil.Color(i)
		line.Dashes, marks.Shape = plotutil.Dashes(i), plotutil.Shape(i)
		p.Add(line, marks, bars)
		p.Legend.Add(m, line, marks)
	}
	if random := trial.SpreadOf(of(runs, "random", 0, name)); random.Mean > 0 {
		control := plotter.NewFunction(func(float64) float64 { return random.Mean })
		control.Dashes = plotutil.Dashes(3)
		p.Add(control)
		p.Legend.Add("random real", control)
	}
	// After all has been added, which widens them: room for the legend at the right.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0.9*float64(caps[0]), 2.4*float64(caps[len(caps)-1]), 0, 100
	return p.Save(14*vg.Centimeter, 9*vg.Centimeter, path)
}
