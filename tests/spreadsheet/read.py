"""Writes the rows of the one sheet of an XLSX file: each cell as its type ("s" is a text, "f" a formula,
"n" a number or nothing) and its value."""

import json
import sys

from openpyxl import load_workbook

[sheet] = load_workbook(sys.argv[1]).worksheets
print(json.dumps([[[cell.data_type, cell.value] for cell in row] for row in sheet.iter_rows()], default=str))
