package policy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
)

// packageComments are packages with no comment, or with several.
func packageComments(tr *tree) (out []string) {
	count, sources := map[string]int{}, map[string]bool{}
	for _, s := range tr.sources {
		if !s.test() {
			sources[path.Dir(s.path)] = true
		}
	}
	for _, s := range tr.sources {
		dir := path.Dir(s.path)
		if s.test() && sources[dir] {
			continue
		}
		if s.file.Doc != nil {
			count[dir]++
		} else {
			count[dir] += 0
		}
	}
	for dir, n := range count {
		if n != 1 {
			out = append(out, fmt.Sprintf("%s has %d package comments, want 1", dir, n))
		}
	}
	return out
}

// undocumented are exported names without a comment.
func undocumented(tr *tree) (out []string) {
	for _, s := range tr.sources {
		if s.test() || s.generated || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !trivial(d) {
					out = append(out, fmt.Sprintf("%s: %s has no comment", s.set.Position(d.Pos()), d.Name.Name))
				}
			case *ast.GenDecl:
				out = append(out, undocumentedGroup(s, d)...)
			}
		}
	}
	return out
}

// trivial methods implement an interface whose documentation says it all.
func trivial(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String"}, d.Name.Name)
}

// exportedReceiver reports whether a function has no receiver, or one of an exported
// type, with type parameters or without.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch index := typ.(type) {
	case *ast.IndexExpr:
		typ = index.X
	case *ast.IndexListExpr:
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

func undocumentedGroup(s source, d *ast.GenDecl) (out []string) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
				out = append(out, fmt.Sprintf("%s: type %s has no comment", s.set.Position(spec.Pos()), spec.Name.Name))
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					out = append(out, fmt.Sprintf("%s: %s has no comment", s.set.Position(name.Pos()), name.Name))
				}
			}
		}
	}
	return out
}
