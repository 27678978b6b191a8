// Package policy holds the project's conventions as tests: which package may import
// which, what must be documented, how large a file and a function may grow, how long a
// line, and how much of a package is tested.
package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/distillmesh/distillmesh/"

// Budgets of files and functions. Tests, whose tables are long, may have more.
const (
	maxFileLines         = 400
	maxFunctionLines     = 60
	maxTestFileLines     = 500
	maxTestFunctionLines = 100
)

// arrows says which top-level folders each may import; tests obey the same arrows.
var arrows = map[string][]string{
	"train":   {"train"},
	"distill": {"distill", "train"},
	"p2p":     {"p2p"},
	"configs": {"configs"},
	"node":    {"node", "p2p", "distill", "train", "configs"},
	"cmd":     {"cmd", "node", "p2p", "distill", "train", "configs"},
	"test":    {"test", "cmd", "node", "p2p", "distill", "train", "configs"},
}

// topLevel is everything that may lie at the top, dot files aside.
var topLevel = []string{"cmd", "configs", "distill", "docs", "node", "p2p", "test", "train", "go.mod", "go.sum",
	"LICENSE", "Makefile", "README.md",
	"CONTRIBUTING.md"}

// source is one parsed Go file.
type source struct {
	path      string // from the top, with slashes
	file      *ast.File
	set       *token.FileSet
	generated bool
}

func (s source) folder() string { return strings.Split(s.path, "/")[0] }
func (s source) test() bool     { return strings.HasSuffix(s.path, "_test.go") }
func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

func sources(t *testing.T) []source {
	t.Helper()
	top := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || !strings.Contains(rel, "/") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{path: rel, file: f, set: set, generated: ast.IsGenerated(f)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("found %d Go files: the walk is broken", len(out))
	}
	return out
}

func TestArrowsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range s.file.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			inner, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if folder := strings.Split(inner, "/")[0]; !slices.Contains(arrows[s.folder()], folder) {
				t.Errorf("%s imports %s: %s may import %v of ours", s.path, inner, s.folder(), arrows[s.folder()])
			}
		}
	}
}

func TestTheTopLevelHoldsOnlyWhatBelongsThere(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel, e.Name()) && e.Name() != "bin" {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		if !strings.HasPrefix(line, "\t") || strings.Contains(line, "// indirect") {
			continue
		}
		direct++
		if path := strings.Fields(line)[0]; !strings.Contains(string(reasons), "`"+path+"`") {
			t.Errorf("docs/dependencies.md gives no reason for %s", path)
		}
	}
	if direct < 10 {
		t.Fatalf("found %d direct dependencies: the reading of go.mod is broken", direct)
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	count := map[string]int{}
	for _, s := range sources(t) {
		if s.test() && !isTestOnly(s) {
			continue
		}
		dir := filepath.Dir(s.path)
		if s.file.Doc != nil {
			count[dir]++
		} else {
			count[dir] += 0
		}
	}
	for dir, n := range count {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

// isTestOnly reports whether a package has no files but tests.
func isTestOnly(s source) bool {
	all, _ := filepath.Glob(filepath.Join("..", "..", filepath.Dir(s.path), "*.go"))
	return !slices.ContainsFunc(all, func(p string) bool { return !strings.HasSuffix(p, "_test.go") })
}

func TestExportsAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.generated || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !trivial(d) {
					t.Errorf("%s: %s has no comment", s.set.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				checkGroup(t, s, d)
			}
		}
	}
}

// trivial methods implement an interface whose documentation says it all.
func trivial(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String"}, d.Name.Name)
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func checkGroup(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
				t.Errorf("%s: type %s has no comment", s.set.Position(spec.Pos()), spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					t.Errorf("%s: %s has no comment", s.set.Position(name.Pos()), name.Name)
				}
			}
		}
	}
}

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		fileLines, functionLines := maxFileLines, maxFunctionLines
		if s.test() || supports(path.Dir(s.path)) {
			fileLines, functionLines = maxTestFileLines, maxTestFunctionLines
		}
		if n := s.set.File(s.file.Pos()).LineCount(); n > fileLines {
			t.Errorf("%s has %d lines, at most %d", s.path, n, fileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok && s.lines(f) > functionLines {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, s.lines(f), functionLines)
			}
			return true
		})
	}
}
