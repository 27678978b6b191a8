// Package policy holds the project's conventions as tests: which package may import
// which, what must be documented, how large a file and a function may grow, how long a
// line, and how much of a package is tested.
package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/distillmesh/distillmesh/"

// tree is the Go files of a project, those at its top aside.
type tree struct {
	files   fs.FS
	sources []source
}

// source is one parsed Go file.
type source struct {
	path      string // from the top, with slashes
	text      string
	file      *ast.File
	set       *token.FileSet
	generated bool // and listed as such: of any size, without comments and tests
}

func (s source) folder() string { return strings.Split(s.path, "/")[0] }
func (s source) test() bool     { return strings.HasSuffix(s.path, "_test.go") }
func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

// ours are the packages of this project that the file imports, from the top.
func (s source) ours() (out []string) {
	for _, imp := range s.file.Imports {
		if inner, ok := strings.CutPrefix(strings.Trim(imp.Path.Value, `"`), module); ok {
			out = append(out, inner)
		}
	}
	return out
}

// readTree parses the Go files of all folders but testdata and those that begin
// with a dot.
func readTree(files fs.FS) (*tree, error) {
	tr := &tree{files: files}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || !strings.Contains(name, "/") {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		tr.sources = append(tr.sources, source{path: name, text: string(text), file: f, set: set,
			generated: ast.IsGenerated(f) && slices.Contains(generated, name)})
		return nil
	})
	return tr, err
}

// project is this project.
func project(t *testing.T) *tree {
	t.Helper()
	tr, err := readTree(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.sources) < 50 {
		t.Fatalf("found %d Go files: the walk is broken", len(tr.sources))
	}
	return tr
}

// packages are the folders that hold Go files.
func (tr *tree) packages() []string {
	all := map[string]bool{}
	for _, s := range tr.sources {
		all[path.Dir(s.path)] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// rules are the conventions: each lists what breaks it.
var rules = map[string]func(tr *tree) []string{
	"top-level folders import what lies below":    folderImports,
	"imports follow the order of their folder":    orderedImports,
	"every package has its place":                 placed,
	"few know kernels and engines":                kernelImports,
	"the lists of packages and files are current": staleLists,
	"the longest chain of imports is short":       longChains,
	"every package has one comment":               packageComments,
	"exports are documented":                      undocumented,
	"files and functions are small":               tooLarge,
	"lines fit":                                   longLines,
	"only listed files are generated":             unlistedGenerated,
	"every package has tests":                     untested,
}

func TestTheProjectKeepsItsRules(t *testing.T) {
	tr := project(t)
	for name, broken := range rules {
		t.Run(name, func(t *testing.T) {
			for _, complaint := range broken(tr) {
				t.Error(complaint)
			}
		})
	}
}

// small is a project of the given files.
func small(t *testing.T, files map[string]string) *tree {
	t.Helper()
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tr, err := readTree(all)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
