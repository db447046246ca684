/** What an application writes beside the job, in one transaction with it. */
export const createBusiness = 'create table business (job int not null, sku text not null)'

export const insertBusiness = 'insert into business (job, sku) values ($1, $2)'

export const sku = 'A1-0815'
