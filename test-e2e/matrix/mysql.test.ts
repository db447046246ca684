import { describeCellsOn } from './describe-cells.ts'

describeCellsOn('mysql')
