package graph_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestEveryDerivativeMatchesFiniteDifferences(t *testing.T) {
	for _, c := range enginetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			e := c.Make(2)
			checkGradient(t, e, e.Out, "first")
			second, err := e.Gradients(e.Out)
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range second {
				checkGradient(t, e, g, fmt.Sprint("second, input ", i))
			}
		})
	}
}

// The gradient that reaches a square depends on the inputs, so the second
// derivatives go through every derivative of an operation by the gradient that it is
// given: those of a convolution's weights by the maps, for one.
func TestSecondDerivativesGoThroughTheGradientThatAnOperationIsGiven(t *testing.T) {
	for _, c := range enginetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			e := c.Make(2)
			second, err := e.Gradients(graph.Mul(e.Out, e.Out))
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range second {
				checkGradient(t, e, g, fmt.Sprint("second of a square, input ", i))
			}
		})
	}
}

// checkGradient compares the gradient of a weighted sum of y with central
// differences.
func checkGradient(t *testing.T, e enginetest.Expression, y *graph.Node, order string) {
	t.Helper()
	sum := e.Weighted(y)
	grads, err := graph.Grad(sum, e.In...)
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(outputs ...*graph.Node) [][]float64 {
		out, err := graph.Reference(e.Feeds, outputs...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	values := evaluate(grads...)
	const h = 1e-5
	for i, n := range e.In {
		for j := range e.Feeds[n] {
			kept := e.Feeds[n][j]
			e.Feeds[n][j] = kept + h
			up := evaluate(sum)[0][0]
			e.Feeds[n][j] = kept - h
			down := evaluate(sum)[0][0]
			e.Feeds[n][j] = kept
			want := (up - down) / (2 * h)
			if d := math.Abs(values[i][j] - want); !(d <= 1e-6*(1+math.Abs(want)+math.Abs(up))) {
				t.Fatalf("%s order, input %d, value %d: %v, want %v", order, i, j, values[i][j], want)
			}
		}
	}
}

// Every type of this package whose name ends in Op is an operation that the table
// of cases, with its derivatives, holds; every one that ends in Rule is in the table
// of updates.
func TestTheTablesHoldEveryOperationAndRule(t *testing.T) {
	used := map[string]bool{}
	for _, c := range enginetest.Cases() {
		outputs, err := c.Make(1).Outputs()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[*graph.Node]bool{}
		for _, y := range outputs {
			graph.Walk(y, seen, func(n *graph.Node) {
				if op, _ := graph.OperationOf(n); op != nil {
					used[reflect.TypeOf(op).Name()] = true
				}
			})
		}
	}
	for _, test := range enginetest.Tests() {
		if name, ok := strings.CutPrefix(test.Name, "update "); ok {
			used[name] = true
		}
	}
	packages, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(packages["graph"], func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		name := spec.Name.Name
		if rule, ok := strings.CutSuffix(name, "Rule"); ok && rule != "" {
			name = strings.ToLower(rule)
		} else if !strings.HasSuffix(name, "Op") {
			return true
		}
		found++
		if !used[name] {
			t.Errorf("no case has %s", spec.Name.Name)
		}
		return true
	})
	if found < 20 || !slices.Contains([]bool{used["ConvOp"]}, true) {
		t.Fatalf("found %d operations and rules: the reading of the package is broken", found)
	}
}
