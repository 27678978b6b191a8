package policy

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Budgets of files and functions. Tests, whose tables are long, may have more.
const (
	maxFileLines         = 400
	maxFunctionLines     = 60
	maxTestFileLines     = 500
	maxTestFunctionLines = 100
)

// maxColumns is the length of a line; a tab counts as one.
const maxColumns = 120

// generated are the files that programs write: of any size, without comments and
// tests.
var generated = []string{"train/kernel/tile_amd64.go"}

// unlistedGenerated are files that call themselves generated and are not listed, and
// listed ones that do not.
func unlistedGenerated(tr *tree) (out []string) {
	for _, s := range tr.sources {
		if listed := slices.Contains(generated, s.path); ast.IsGenerated(s.file) != listed {
			out = append(out, fmt.Sprintf("%s says that it is generated: %t, is in the list of such files: %t", s.path,
				!listed, listed))
		}
	}
	return out
}

// tooLarge are files and functions, literals too, above their budgets.
func tooLarge(tr *tree) (out []string) {
	for _, s := range tr.sources {
		if s.generated {
			continue
		}
		fileLines, functionLines := maxFileLines, maxFunctionLines
		if s.test() || supports(path.Dir(s.path)) {
			fileLines, functionLines = maxTestFileLines, maxTestFunctionLines
		}
		if n := s.set.File(s.file.Pos()).LineCount(); n > fileLines {
			out = append(out, fmt.Sprintf("%s has %d lines, at most %d", s.path, n, fileLines))
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			name := "a function literal"
			switch f := n.(type) {
			case *ast.FuncDecl:
				name = f.Name.Name
			case *ast.FuncLit:
			default:
				return true
			}
			if lines := s.lines(n); lines > functionLines {
				out = append(out, fmt.Sprintf("%s: %s has %d lines, at most %d", s.set.Position(n.Pos()), name, lines,
					functionLines))
			}
			return true
		})
	}
	return out
}

// longLines are lines with too many columns. Those of a raw string that began on a
// line before cannot be broken and do not count.
func longLines(tr *tree) (out []string) {
	for _, s := range tr.sources {
		if s.generated {
			continue
		}
		raw, n := rawEnds(s), 0
		for line := range strings.Lines(s.text) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if c := utf8.RuneCountInString(line[min(raw[n], len(line)):]); c > maxColumns {
				out = append(out, fmt.Sprintf("%s:%d has %d columns, at most %d", s.path, n, c, maxColumns))
			}
		}
	}
	return out
}

// rawEnds are, for the lines that begin within a raw string, the bytes of the line
// that belong to it.
func rawEnds(s source) map[int]int {
	out := map[int]int{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || !strings.HasPrefix(lit.Value, "`") {
			return true
		}
		end := s.set.Position(lit.End())
		for line := s.set.Position(lit.Pos()).Line + 1; line < end.Line; line++ {
			out[line] = math.MaxInt
		}
		if end.Line > s.set.Position(lit.Pos()).Line {
			out[end.Line] = end.Column - 1
		}
		return true
	})
	return out
}

// testedBy names the packages whose lines are tests of another: the suites that its
// implementations share.
var testedBy = map[string]string{"train/graph/enginetest": "train/graph", "distill/distilltest": "distill"}

// untested are packages with too few lines of tests.
func untested(tr *tree) (out []string) {
	source, tests := map[string]int{}, map[string]int{}
	for _, s := range tr.sources {
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
	scripts, err := fs.Glob(tr.files, "cmd/distillmesh/testdata/*.txt")
	if err != nil {
		return []string{err.Error()}
	}
	for _, script := range scripts {
		text, err := fs.ReadFile(tr.files, script)
		if err != nil {
			return []string{err.Error()}
		}
		tests["cmd/distillmesh"] += strings.Count(string(text), "\n")
	}
	for dir, n := range source {
		if !supports(dir) && 3*tests[dir] < n {
			out = append(out, fmt.Sprintf("%s has %d lines and %d of tests, want at least a third", dir, n, tests[dir]))
		}
	}
	return out
}
