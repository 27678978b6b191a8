package policy

import (
	"bufio"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxChain is the number of packages in the longest chain of imports.
const maxChain = 10

// maxColumns is the length of a line; a tab counts as one.
const maxColumns = 120

// order lists the packages of each top-level folder, those that import nothing of
// the folder first, in lines: a package imports only what stands before it.
var order = map[string][]string{
	"train": strings.Fields(`
		train/atomicfile train/checkpoint train/data/files train/data/files/exif train/device train/graph train/kernel
			train/kernel/gen train/parallel train/recipe
		train/cluster train/data train/data/files/filestest train/data/files/mat train/data/files/parquet
			train/data/files/pickle train/data/files/picture train/data/files/table train/graph/cpu
			train/graph/enginetest train/graph/tape train/plan train/unroll
		train/augment train/data/files/array train/engine train/linear train/nn train/ntk train/zca
		train train/data/open
		train/federated train/model
	`),
	"distill": strings.Fields(`
		distill distill/frequency distill/text distill/unixfs
		distill/artifact distill/coreset distill/distilltest distill/figure distill/kip distill/ridge distill/tiling
		distill/labelsolve distill/match distill/trajectory
		distill/auto distill/registry
		distill/trial
		distill/study
		distill/study/report
	`),
	"p2p": strings.Fields(`
		p2p/blocks p2p/ledger p2p/members p2p/streamtest p2p/wire
		p2p/announce
		p2p/catchup p2p/gossip p2p/peers
		p2p
	`),
	"node": strings.Fields(`
		node/api node/trainer
		node/home node/state node/work
		node/holdings node/operations
		node/catalogue node/doctor node/localdata node/nodetest node/selection
		node node/jobs
		node/demo
	`),
}

// imports are the packages of ours that each package imports, tests aside.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		from := path.Dir(s.path)
		for _, imp := range s.file.Imports {
			if to, ours := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module); ours && !slices.Contains(out[from], to) {
				out[from] = append(out[from], to)
			}
		}
		if out[from] == nil {
			out[from] = []string{}
		}
	}
	return out
}

// place is a package's place in the order of its folder, or -1.
func place(pkg string) int {
	return slices.Index(order[strings.Split(pkg, "/")[0]], pkg)
}

func TestImportsFollowTheOrderOfTheirFolder(t *testing.T) {
	for from, all := range imports(t) {
		folder := strings.Split(from, "/")[0]
		if order[folder] == nil {
			continue
		}
		if place(from) < 0 {
			t.Errorf("%s has no place in the order of %s", from, folder)
		}
		for _, to := range all {
			if strings.Split(to, "/")[0] == folder && place(to) >= place(from) {
				t.Errorf("%s imports %s, which stands above it", from, to)
			}
		}
	}
	for folder, packages := range order {
		for _, p := range packages {
			if _, err := os.Stat(filepath.Join("..", "..", p)); err != nil {
				t.Errorf("the order of %s names %s: %v", folder, p, err)
			}
		}
	}
}

func TestTheLongestChainOfImportsIsShort(t *testing.T) {
	graph, longest := imports(t), map[string][]string{}
	var chain func(p string) []string
	chain = func(p string) []string {
		if known, ok := longest[p]; ok {
			return known
		}
		var best []string
		for _, to := range graph[p] {
			if c := chain(to); len(c) > len(best) {
				best = c
			}
		}
		longest[p] = append([]string{p}, best...)
		return longest[p]
	}
	for p := range graph {
		if c := chain(p); strings.HasPrefix(p, "cmd/") && len(c) > maxChain {
			t.Errorf("%d packages, at most %d: %s", len(c), maxChain, strings.Join(c, " > "))
		}
	}
}

func TestLinesFit(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		raw := rawLines(s)
		file, err := os.Open(filepath.Join("..", "..", filepath.FromSlash(s.path)))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for n := 1; lines.Scan(); n++ {
			if c := utf8.RuneCount(lines.Bytes()); c > maxColumns && !raw[n] {
				t.Errorf("%s:%d has %d columns, at most %d", s.path, n, c, maxColumns)
			}
		}
		file.Close()
	}
}

// rawLines are the lines that hold a raw string, which cannot be broken.
func rawLines(s source) map[int]bool {
	out := map[int]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.HasPrefix(lit.Value, "`") {
			for line := s.set.Position(lit.Pos()).Line; line <= s.set.Position(lit.End()).Line; line++ {
				out[line] = true
			}
		}
		return true
	})
	return out
}

// supports reports whether a package exists for the tests of others, or is a program
// that measures or generates.
func supports(dir string) bool {
	name := path.Base(dir)
	return strings.HasPrefix(dir, "test/") || strings.HasSuffix(name, "test") || name == "gen"
}

// testedBy names the packages whose lines are tests of another: the suites that its
// implementations share.
var testedBy = map[string]string{"train/graph/enginetest": "train/graph", "distill/distilltest": "distill"}

func TestEveryPackageHasTests(t *testing.T) {
	source, tests := map[string]int{}, map[string]int{}
	for _, s := range sources(t) {
		dir, n := path.Dir(s.path), s.set.File(s.file.Pos()).LineCount()
		switch {
		case s.generated:
		case testedBy[dir] != "":
			tests[testedBy[dir]] += n
		case s.test():
			tests[dir] += n
		default:
			source[dir] += n
		}
	}
	scripts, err := filepath.Glob(filepath.Join("..", "..", "cmd", "distillmesh", "testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		tests["cmd/distillmesh"] += strings.Count(string(text), "\n")
	}
	for dir, n := range source {
		if !supports(dir) && 3*tests[dir] < n {
			t.Errorf("%s has %d lines and %d of tests, want at least a third", dir, n, tests[dir])
		}
	}
}
